"""Packages of npm in a folder of their own; what is written in C is compiled here, against the headers of this Node."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.applications.application_environments import (
    Environment,
    EnvironmentMissingError,
    require,
    run_client,
)

_COMPILERS = ("make", "g++", "python3")


def build_npm(environment: Environment) -> None:
    """Install packages as pins/NAME.txt, a package-lock.json without addresses, says; no install script runs.

    Scripts would fetch compiled programs from elsewhere. The packages in `compiled` are built from source instead.
    """
    npm, folder = require("npm", environment), environment.folder
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    if environment.pins.exists():
        shutil.copy(environment.pins, folder / "package-lock.json")
    run_client(
        environment,
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--omit-lockfile-registry-resolved",
         "--save-exact", *environment.packages],
        [npm, "view", "ms@2.1.3", "version", "--prefer-online"],
        cwd=folder,
    )  # fmt: skip
    if environment.compiled:
        for program in _COMPILERS:
            require(program, environment)
        settings = [f"--nodedir={_headers(environment)}", "--build-from-source"]
        run_client(
            environment, [npm, "rebuild", *settings, *environment.compiled], [npm, "--version"], cwd=folder
        )


def _headers(environment: Environment) -> Path:
    node = require("node", environment)
    done = subprocess.run([node, "-p", "process.execPath"], capture_output=True, text=True, check=True)
    prefix = Path(os.path.realpath(done.stdout.strip())).parents[1]
    if not (prefix / "include" / "node" / "node_api.h").exists():
        raise EnvironmentMissingError(
            f"{environment.name} needs Node's headers, which are not below {prefix}"
        )
    return prefix
