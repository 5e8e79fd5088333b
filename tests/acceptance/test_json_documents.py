"""Documents arrive as jsonb, whatever their strings look like; what only the server can judge, it judges."""

from __future__ import annotations

import random
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from migration.model import Phase
from tests.support.direct import Direct
from tests.support.field import Build, migrate, types

DOCUMENTS = (
    '{"id": "01a22530-347f-7d27-ad9e-5175cd3b24c9"}',
    '{"note": "batch 1e-400 failed, 1e-99999 too"}',
    '{"ref": "invoice-20240115", "file": "page-1000.png"}',
    '["\\\\u0000 is written so", "C:\\\\\\\\1e-20000"]',
    '{"at": "10:00:00", "since": {"from": "2024-01-05T10:00"}}',
    "[1e-400, 1e400, 12345678901234567890123456789, -1.5e+300]",
)


def test_text_in_strings_is_no_number(direct: Direct, build: Build) -> None:
    rows = ", ".join(f"({number}, '{document}')" for number, document in enumerate(DOCUMENTS))
    path = build(f"CREATE TABLE t (id INTEGER PRIMARY KEY, doc JSON); INSERT INTO t VALUES {rows};")
    run, report = migrate(direct, path, target_schema="strings")
    assert run.phase is Phase.COMPLETED
    assert types(direct, "strings")["doc"] == "jsonb"
    assert report.quarantine.total == 0


@pytest.fixture
def uuids(tmp_path: Path) -> Path:
    chance = random.Random(17)  # noqa: S311 - the same UUIDs each time
    path = tmp_path / "uuids.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, doc JSON)")
        database.executemany(
            "INSERT INTO t (doc) VALUES (?)",
            [(f'{{"id": "{uuid.UUID(int=chance.getrandbits(128), version=4)}"}}',) for _ in range(20_000)],
        )
    return path


def test_twenty_thousand_uuids_come_over(direct: Direct, uuids: Path) -> None:
    run, report = migrate(direct, uuids, target_schema="uuids")
    assert run.phase is Phase.COMPLETED
    assert types(direct, "uuids")["doc"] == "jsonb"
    assert (report.tables[0].rows_loaded, report.quarantine.total) == (20_000, 0)


def test_the_server_judges_what_is_doubtful(direct: Direct, build: Build) -> None:
    """Numeric takes 1e131071 and not 1e131072; the type json takes both, and half a surrogate pair."""
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, doc JSON); INSERT INTO t VALUES (1, '[0e99999999]'), "
        "(2, '{\"large\": 1e131071}');"
        "CREATE TABLE u (id INTEGER PRIMARY KEY, doc TEXT); INSERT INTO u VALUES (1, '[1e131072]'), "
        "(2, '{\"half\": \"\\ud800\"}'), (3, '[1e-16384]'), (4, '{}');"
    )
    run, _ = migrate(direct, path, target_schema="doubtful")
    assert types(direct, "doubtful")["doc"] == "jsonb"
    assert direct.query("SELECT length(doc::text) FROM doubtful.t ORDER BY id") == [(3,), (131_083,)]
    assert run.phase is Phase.COMPLETED

    direct.query("CREATE SCHEMA app_b")
    direct.query(
        "CREATE TABLE app_b.t (id int PRIMARY KEY, doc jsonb); CREATE TABLE app_b.u (id int PRIMARY KEY, doc jsonb)"
    )
    _, report = migrate(direct, path, target_schema="app_b", data_only=True)
    assert direct.query("SELECT id FROM app_b.u ORDER BY 1") == [(4,)]
    assert report.quarantine.total == 3
    assert all("JSON" in reason or "jsonb" in reason for reason in report.quarantine.by_reason)

    direct.query("CREATE SCHEMA app_j")
    direct.query(
        "CREATE TABLE app_j.t (id int PRIMARY KEY, doc json); CREATE TABLE app_j.u (id int PRIMARY KEY, doc json)"
    )
    run, report = migrate(direct, path, target_schema="app_j", data_only=True)
    assert report.quarantine.total == 0
    assert run.phase is Phase.COMPLETED
    assert direct.query("SELECT doc::text FROM app_j.u ORDER BY id") == [
        ("[1e131072]",),
        ('{"half": "\\ud800"}',),
        ("[1e-16384]",),
        ("{}",),
    ]
