"""Programs of Python that the benchmark needs beside its own: each in a virtual environment of its own, made once."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.server import MissingProgramError


def private_venv(cache: Path, name: str, wanted: Sequence[str]) -> Path:
    """Return the folder of programs of a virtual environment with these packages, made now unless it was before.

    Raises:
        MissingProgramError: pip could not install them.
    """
    folder = cache.absolute() / name
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True)
            pip: list[str | Path] = [
                folder / "bin" / "python",
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ]
            subprocess.run([*pip, *wanted], check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise MissingProgramError(f"pip could not install {', '.join(wanted)}") from error
        (folder / "ready").touch()
    return folder / "bin"
