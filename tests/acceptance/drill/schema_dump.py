"""What `pg_dump` writes of a database, as lines that can be compared."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

_OF_EACH_DUMP = ("--", "\\restrict", "\\unrestrict", "SET ", "SELECT pg_catalog.set_config")
"""Beginnings of lines that say nothing of the database, or differ from dump to dump."""


def dump_schema(program: Path, url: str, without: Sequence[str] = ()) -> list[str]:
    """Return the lines of the sections pre-data and post-data. `without`: schemas that are left out.

    Lines that a dump has in the order of its object identifiers are kept in that order.
    """
    done = subprocess.run(
        [
            str(program),
            "--section=pre-data",
            "--section=post-data",
            *(f"--exclude-schema={name}" for name in without),
            url,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line and not line.startswith(_OF_EACH_DUMP)]
