"""A shop whose tables are replaced, and what pg_dump says of the database before and after."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from migration.ledger.run_records import RunRecord
from migration.model import IfExists
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from migration.steps.run_rollback import roll_back_run
from tests.support.direct import Direct

SOURCE = """
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT, up INTEGER, born DATE);
CREATE TABLE sale (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, price NUMERIC);
CREATE INDEX sale_customer ON sale (customer_id);
INSERT INTO customer VALUES (1, 'Ann', 'ann@x', NULL, '2000-01-01'), (2, 'Bob', 'bob@x', 1, NULL);
INSERT INTO sale VALUES (1, 1, 9.5), (2, 2, 1), (3, 2, 7);
"""
_NOISE = re.compile(r"^(--.*|\\(un)?restrict .*|)$")


def make_shop(folder: Path) -> Path:
    """Write the SQLite file of the shop."""
    path = folder / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)
    return path


class Replacement:
    """A database in whose schema `shop` the tables of the shop stand, once a first run has made them (`begin`)."""

    def __init__(self, url: str, owner_url: str, folder: Path) -> None:
        self.direct = Direct(url, folder)
        self.owner_url = owner_url
        self.source = make_shop(folder)

    def begin(self) -> None:
        """Run the migration that makes the tables."""
        first = self.migrate()
        assert first.error is None, first.error

    def migrate(self, *signed: str, **options: Any) -> RunRecord:
        """Migrate the shop, over what stands there."""
        options = {"if_exists": IfExists.REPLACE, "target_schema": "shop", **options}
        return self.direct.migrate(self.source, drop_dependents=signed, **options)

    def roll_back(self, run: RunRecord) -> None:
        """Take a run back."""
        roll_back_run(self.direct.ledger, run.id)

    def report(self, run: RunRecord) -> Report:
        """Return the report of a run."""
        return build_report(self.direct.ledger, run.id)

    def execute(self, *statements: str, owner: bool = False) -> None:
        """Run SQL with `shop` as the schema; as whoever migrates, or as the owner of the server."""
        with psycopg.connect(self.owner_url if owner else self.direct.url) as connection:
            connection.execute("SET search_path = shop")
            for statement in statements:
                connection.execute(statement.encode())

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.direct.query(statement)

    def dump(self, *sections: str) -> list[str]:
        """Return what the server's own pg_dump says of all but Convoy's schemas, comments and empty lines aside."""
        chosen = [f"--section={section}" for section in sections or ("pre-data", "post-data")]
        command = [str(pg_dump(self.owner_url)), "-N", "convoy*", *chosen, self.owner_url]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if not _NOISE.match(line)]

    def close(self) -> None:
        """Close all connections."""
        self.direct.close()


def pg_dump(url: str) -> Path:
    """Return the pg_dump of the server's own installation, or one of the machine."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT setting FROM pg_config WHERE name = 'BINDIR'").fetchone()
    beside = Path(row[0]) / "pg_dump" if row else Path("pg_dump")
    found = beside if beside.exists() else Path(shutil.which("pg_dump") or "")
    assert found.is_file(), "pg_dump is not on this machine"
    return found
