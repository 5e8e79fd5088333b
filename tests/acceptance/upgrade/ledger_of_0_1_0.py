"""A database as Convoy 0.1.0 has left it: a run in the midst of copying, its processes killed.

`ledger_of_0_1_0.sql` was written by the real thing: `make upgrade-rehearsal ARGS="--write FILE"`.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import psycopg

from tests.support.shell import make_database

ROWS = 150
"""Of table `book` in the source."""
_LEFT = Path(__file__).with_name("ledger_of_0_1_0.sql")


def leave_run_of_0_1_0(folder: Path, target: str) -> str:
    """Put a ledger of revision 0009 into an empty database and its snapshot into the folder; returns the run's id."""
    source = make_database(folder / "shop.db", rows=ROWS)
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()  # another SQLite writes another header
    snapshots = folder / ".convoy" / "snapshots"
    snapshots.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, snapshots / f"{sha256}.sqlite")
    text = _LEFT.read_text(encoding="utf-8").replace("{folder}", str(folder)).replace("{sha256}", sha256)
    with psycopg.connect(target) as connection:
        connection.execute(text.encode())
        (run,) = connection.execute("SELECT id::text FROM convoy.runs").fetchone() or ("",)
    return str(run)
