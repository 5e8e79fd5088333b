"""Debian packages in a folder of their own: downloaded and unpacked, never installed, so that no service starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.applications.application_environments import (
    Environment,
    EnvironmentMissingError,
    require,
    run_client,
)

_PLANNED = re.compile(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+) ", re.MULTILINE)
_UNPACK_SECONDS = 120


def build_apt(environment: Environment) -> None:
    """Unpack packages, and those of their dependencies that this machine has not, into an environment's folder.

    The package lists are fetched into that folder, too: the machine stays as it was.
    """
    get, unpack = require("apt-get", environment), require("dpkg-deb", environment)
    lists = environment.folder / "apt"
    (lists / "lists" / "partial").mkdir(parents=True)
    (lists / "archives" / "partial").mkdir(parents=True)
    own = [f"-oDir::State::Lists={lists / 'lists'}", f"-oDir::Cache={lists}", "-oDebug::NoLocking=1"]
    if os.geteuid() == 0:
        own.append("-oAPT::Sandbox::User=root")  # _apt cannot read a folder of root's
    probe = [get, *own, "update", "-oAPT::Update::Error-Mode=any"]
    run_client(environment, probe, probe, cwd=lists)
    simulated = subprocess.run(
        [get, *own, "install", "--simulate", "--no-install-recommends", *environment.packages],
        capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    if simulated.returncode:
        raise EnvironmentMissingError(
            f"This system's packages are other ones than {' '.join(environment.packages)}:\n{simulated.stderr[-800:]}"
        )
    planned = [f"{name}={version}" for name, version in _PLANNED.findall(simulated.stdout)]
    run_client(environment, [get, *own, "--quiet", "download", *planned], probe, cwd=lists / "archives")
    for package in sorted((lists / "archives").glob("*.deb")):
        subprocess.run(
            [unpack, "--extract", str(package), str(environment.folder)],
            capture_output=True, check=True, timeout=_UNPACK_SECONDS,
        )  # fmt: skip
    (environment.folder / "packages.txt").write_text("\n".join(planned) + "\n", encoding="utf-8")
    shutil.rmtree(lists)
    keep_links_inside(environment.folder)


def keep_links_inside(folder: Path) -> None:
    """Let absolute links lead to what was unpacked beside them, not to the machine's own files."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            aim = path.readlink()
            inside = folder / str(aim).lstrip("/")
            if aim.is_absolute() and os.path.lexists(inside):
                path.unlink()
                path.symlink_to(os.path.relpath(inside, path.parent))


def library_variables(folder: Path) -> Mapping[str, str]:
    """Return the variables with which unpacked programs find the libraries and programs that lie beside them."""
    found = sorted(path for path in folder.glob("usr/lib/*-linux-gnu*") if path.is_dir())
    programs = [folder / "usr" / "bin", folder / "usr" / "sbin"]
    return {
        "LD_LIBRARY_PATH": ":".join(map(str, found)),
        "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
    }
