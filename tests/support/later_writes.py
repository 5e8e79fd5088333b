"""A run of books, what an application writes after its cutover, and the rollback of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from migration.evidence_errors import LaterWritesError
from migration.ledger.run_records import RunRecord, find_run
from migration.steps.run_rollback import RollbackResult, roll_back_run
from tests.support.direct import Direct

Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE author (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE book (id INTEGER PRIMARY KEY, author INTEGER REFERENCES author, title TEXT, price NUMERIC);
CREATE TABLE loose (a TEXT, b BLOB);
CREATE VIEW titles AS SELECT title FROM book;
INSERT INTO author VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO book VALUES (1, 1, 'One', 1.5), (2, 1, 'Two', 2), (3, 2, 'Three', NULL);
INSERT INTO loose VALUES ('x', x'00ff'), ('x', x'00ff'), (NULL, NULL);
"""
WRITES = (
    "INSERT INTO shop.book VALUES (10, 2, E'it''s \\\\ new\\nline', 9.99), (11, 1, 'b', 1)",
    "UPDATE shop.book SET title = 'other' WHERE id = 2",
    "DELETE FROM shop.book WHERE id = 3",
)


def write(direct: Direct, *statements: str) -> None:
    with psycopg.connect(direct.url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def undo(
    direct: Direct, run: RunRecord, *, force: bool = False, export_to: Path | None = None
) -> RollbackResult:
    settings = direct.workspace.settings
    return roll_back_run(direct.ledger, run.id, force=force, export_to=export_to, settings=settings)


def refused(direct: Direct, run: RunRecord) -> LaterWritesError:
    with pytest.raises(LaterWritesError) as caught:
        undo(direct, run)
    assert find_run(direct.ledger, run.id).phase is run.phase
    assert caught.value.exit_status == 2
    return caught.value


def forget_snapshots(direct: Direct) -> None:
    for path in (direct.folder / "snapshots").glob("*.sqlite"):
        path.unlink()


def blur_horizon(direct: Direct, run: RunRecord) -> None:
    """Let the ledger say that others were at work at the cutover, as an old transaction anywhere on the server does."""
    write(
        direct,
        "UPDATE convoy.runs SET cutover = jsonb_set(cutover, '{0,record,horizon}',"
        f""" '{{"xid": 3, "is_sharp": false}}') WHERE id = '{run.id}'""",
    )


def age_digests(direct: Direct, algorithm: str | None = None) -> None:
    """Let the ledger have digests as another version of Convoy computes them."""
    name = "NULL" if algorithm is None else f"'{algorithm}'"
    write(direct, f"UPDATE convoy.chunks SET digest = md5(id::text), digest_algorithm = {name}")
