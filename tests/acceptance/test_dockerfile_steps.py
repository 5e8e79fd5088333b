"""The Dockerfile's own steps, executed without an engine: what it copies is enough to build, install and start.

What is not executed is the engine's: base images, users, and the download of what requirements.lock names, which
`make setup` does with the same file and the same hashes.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 120


@dataclass
class Stage:
    """One FROM and what follows it: instruction and argument, in order."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        return [argument for found, argument in self.steps if found == instruction]


def stages() -> list[Stage]:
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: list[Stage] = []
    for line in text.splitlines():
        instruction, _, argument = line.strip().partition(" ")
        if not instruction or instruction.startswith("#"):
            continue
        if instruction == "FROM":
            found.append(Stage(argument.partition(" AS ")[2] or "final"))
        else:
            found[-1].steps.append((instruction, argument))
    return found


def ignored() -> set[str]:
    """What .dockerignore lets through."""
    text = (PROJECT / ".dockerignore").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    return {line.removeprefix("!") for line in lines if line.startswith("!")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the build stage after its COPY steps and the build of the wheel."""
    build, _ = stages()
    folder = tmp_path_factory.mktemp("build")
    for copy in build.of("COPY"):
        *names, target = copy.split()
        for name in names:
            assert name in ignored(), f"{name} never reaches the engine"
            into = folder / target.rstrip("/")
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, into, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                into.mkdir(exist_ok=True)
                shutil.copy2(PROJECT / name, into / name)
    (own,) = [run for run in build.of("RUN") if run.endswith(" .")]
    words = shlex.split(own)
    assert words[:2] == ["pip", "wheel"]
    # The wheels of the step before, among them the builder, are those of this environment.
    words = [word for word in words if word not in {"--no-index", "--find-links", "/wheels", "--wheel-dir"}]
    command = [sys.executable, "-m", *words[:2], "--no-build-isolation", "--wheel-dir", "wheels", *words[2:]]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_what_is_copied_builds_the_wheel_and_no_more(built: Path) -> None:
    (wheel,) = (built / "wheels").iterdir()

    assert re.fullmatch(r"convoy_migrate-[\d.]+-py3-none-any\.whl", wheel.name)


def test_the_lock_names_the_builder_that_the_wheel_is_built_with() -> None:
    lock = (PROJECT / "requirements.lock").read_text(encoding="utf-8")

    assert re.search(r"^hatchling==", lock, re.MULTILINE), "pip wheel --no-index finds no other"


def test_the_installed_image_starts_each_process_that_compose_names(built: Path, tmp_path: Path) -> None:
    """With the wheel on its path alone, in an empty folder, as in the image; up to the first missing setting."""
    (wheel,) = (built / "wheels").iterdir()
    site = tmp_path / "site"
    shutil.unpack_archive(wheel, site, "zip")
    folder = tmp_path / "var"
    folder.mkdir()
    dependencies = next(path for path in sys.path if path.endswith("site-packages"))
    code = (
        f"import sys; sys.path = [p for p in sys.path if p != {str(PROJECT)!r}];"
        f"sys.path.insert(0, {str(site)!r}); import runpy, api, worker;"
        f"assert api.__file__.startswith({str(site)!r}); runpy.run_module(sys.argv[1], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "api"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": dependencies},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert (done.returncode, "MIGRATION_API_TOKEN" in done.stderr) == (2, True), done.stderr


def test_the_image_makes_the_folders_that_its_settings_name_for_its_own_user() -> None:
    _, final = stages()
    (run,) = final.of("RUN")
    settings = dict(
        pair.split("=", 1)
        for environment in final.of("ENV")
        for pair in shlex.split(environment)
        if pair.startswith("MIGRATION_")
    )

    assert {"MIGRATION_SNAPSHOT_DIR", "MIGRATION_REPORT_DIR"} <= set(settings)
    (owner,) = set(re.findall(r"--owner (\w+)", run))
    assert final.of("USER") == [owner]
    assert "useradd" in run
    assert [path for path in settings.values() if path not in run] == []
    assert subprocess.run(["sh", "-n", "-c", re.sub(r"--mount=\S+", "", run)], check=False).returncode == 0
