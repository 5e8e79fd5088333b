"""Environments of real applications: each is built once, of the packages that environments.toml pins, and kept.

They lie in $CONVOY_APPLICATIONS, or .applications/ in the checkout. A file in each says of what it was built, and
is written last: an environment without it, or with another one, is built anew.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LIST = HERE / "environments.toml"
PINS = HERE / "pins"
_MARKER = "built-of.txt"
_BUILD_SECONDS = 1500
_PROBE_SECONDS = 120


class EnvironmentMissingError(Exception):
    """The environment cannot be had on this machine; the sentence says why. Not a fault of the project."""


class RegistryUnreachableError(EnvironmentMissingError):
    """The registry does not answer: the only reason that counts in CI."""


class EnvironmentBrokenError(Exception):
    """The registry answers and the environment cannot be built all the same: its line is wrong."""


@dataclass(frozen=True)
class Environment:
    """One line of environments.toml."""

    name: str
    kind: str
    packages: tuple[str, ...]
    minutes: float
    newest_python: str = ""
    compiled: tuple[str, ...] = ()

    @property
    def pins(self) -> Path:
        """Versions of all that the packages need in turn."""
        return PINS / f"{self.name}.txt"

    @property
    def test(self) -> Path:
        """The test that runs in it."""
        return HERE / f"test_{self.name.replace('-', '_')}_application.py"

    @property
    def folder(self) -> Path:
        """Where it lies once it is built."""
        return applications_folder() / self.name

    @property
    def spec(self) -> str:
        """SHA-256 of all that it is built of."""
        python = "{}.{}".format(*sys.version_info) if self.kind == "pip" else ""
        pins = self.pins.read_text(encoding="utf-8") if self.pins.exists() else ""
        words = json.dumps([self.kind, self.packages, python, pins, *self.compiled])
        return hashlib.sha256(words.encode()).hexdigest()

    def is_whole(self) -> bool:
        """Whether it is there, and of these packages."""
        marker = self.folder / _MARKER
        return marker.exists() and marker.read_text(encoding="utf-8").strip() == self.spec


def applications_folder() -> Path:
    """Return the folder that environments are kept in."""
    return Path(os.environ.get("CONVOY_APPLICATIONS") or ROOT / ".applications").absolute()


def read_environments(path: Path = LIST) -> Mapping[str, Environment]:
    """Return all environments, by name."""
    words = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: Environment(name, **{**line, **_lists(line)}) for name, line in words.items()}


def _lists(line: Mapping[str, object]) -> Mapping[str, tuple[str, ...]]:
    return {name: tuple(value) for name, value in line.items() if isinstance(value, list)}


def provide(environment: Environment) -> Path:
    """Return the folder of an environment, which is built first where it is not whole.

    Raises:
        EnvironmentMissingError: a client or the network is not there.
        EnvironmentBrokenError: the client refuses the packages though its registry answers.
    """
    applications_folder().mkdir(parents=True, exist_ok=True)
    with _locked(environment.folder.with_name(f"{environment.name}.lock")):
        if not environment.is_whole():
            shutil.rmtree(environment.folder, ignore_errors=True)
            environment.folder.mkdir()
            kind = KINDS[environment.kind]
            kind.build(environment)
            (environment.folder / _MARKER).write_text(f"{environment.spec}\n", encoding="utf-8")
    return environment.folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run_client(environment: Environment, command: list[str], probe: list[str], **where: str | Path) -> str:
    """Run a client of packages, and return what it prints. `probe`: a question that only its registry can answer."""
    try:
        done = _run(command, _BUILD_SECONDS, where)
    except subprocess.TimeoutExpired:
        raise EnvironmentBrokenError(f"{' '.join(command)} did not end in {_BUILD_SECONDS} s") from None
    if done.returncode == 0:
        return done.stdout
    if not _answers(probe):
        raise RegistryUnreachableError(
            f"The environment of {environment.name} is not built, and the registry of {environment.kind} packages"
            f" does not answer (`{' '.join(probe)}`)"
        )
    raise EnvironmentBrokenError(f"{' '.join(command)}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def _run(
    command: list[str], seconds: float, where: Mapping[str, str | Path]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False,
        cwd=where.get("cwd"),
    )  # fmt: skip


def _answers(probe: list[str]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _run(probe, _PROBE_SECONDS, {"cwd": folder}).returncode == 0
        except subprocess.TimeoutExpired:
            return False


def require(program: str, environment: Environment) -> str:
    """Return the path of a client.

    Raises:
        EnvironmentMissingError: it is not on this machine.
    """
    found = shutil.which(program)
    if found is None:
        raise EnvironmentMissingError(f"{environment.name} needs {program}, which is not on this machine")
    return found


def _build_pip(environment: Environment) -> None:
    newest = tuple(int(part) for part in environment.newest_python.split(".") if part)
    if newest and sys.version_info[:2] > newest:
        raise EnvironmentMissingError(
            f"{environment.name} runs on Python {environment.newest_python} at the newest, and this is"
            f" {'{}.{}'.format(*sys.version_info)}"
        )
    folder = environment.folder
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    held = ["--constraint", str(environment.pins)] if environment.pins.exists() else []
    run_client(
        environment,
        [*pip, "install", "--quiet", "--no-compile", *held, *environment.packages],
        [*pip, "download", "--quiet", "--no-deps", "--no-cache-dir", "six==1.17.0"],
    )


def _build_npm(environment: Environment) -> None:
    from tests.applications.node_packages import build_npm

    build_npm(environment)


def _pins_of_npm(environment: Environment) -> str:
    return (environment.folder / "package-lock.json").read_text(encoding="utf-8")


def _pins_of_pip(environment: Environment) -> str:
    python = environment.folder / "bin" / "python"
    done = _run([str(python), "-m", "pip", "freeze"], _PROBE_SECONDS, {})
    return done.stdout


@dataclass(frozen=True)
class Kind:
    """How environments of one kind are built; `pins`: the versions of all that is in one."""

    build: Callable[[Environment], None]
    pins: Callable[[Environment], str] | None = None


def _build_apt(environment: Environment) -> None:
    from tests.applications.debian_packages import build_apt

    build_apt(environment)


KINDS: dict[str, Kind] = {
    "pip": Kind(_build_pip, _pins_of_pip),
    "npm": Kind(_build_npm, _pins_of_npm),
    "apt": Kind(_build_apt),
}


def main(names: list[str]) -> None:
    """Build environments, and write down the versions of all that is in them: `make apps-pins NAMES="a b"`."""
    there = read_environments()
    for name in names:
        environment = there[name]
        environment.pins.unlink(missing_ok=True)
        provide(environment)
        pins = KINDS[environment.kind].pins
        if pins is not None:
            PINS.mkdir(exist_ok=True)
            environment.pins.write_text(pins(environment), encoding="utf-8")
            (environment.folder / _MARKER).write_text(f"{environment.spec}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
