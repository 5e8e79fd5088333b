"""Times without an offset mean the source's zone: in rows, and in all SQL of the source that stands beside them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from migration.model import Phase
from tests.support.direct import Direct

Build = Callable[[str], Path]
NOON = "2024-07-01 12:00:00"
SCRIPT = f"""
CREATE TABLE t (
    id INTEGER PRIMARY KEY,
    at DATETIME DEFAULT '{NOON}' CHECK (at >= '{NOON}'),
    made DATETIME DEFAULT CURRENT_TIMESTAMP);
INSERT INTO t (id, made) VALUES (1, '{NOON}');
CREATE INDEX late ON t (at) WHERE at > '{NOON}';
CREATE VIEW from_noon AS SELECT id FROM t WHERE at >= '{NOON}';
"""


@pytest.mark.parametrize(
    ("zone", "noon"),
    [
        ("UTC", datetime(2024, 7, 1, 12, tzinfo=UTC)),
        ("America/New_York", datetime(2024, 7, 1, 16, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2024, 7, 1, 6, 30, tzinfo=UTC)),
    ],
)
def test_constants_in_defaults_checks_indexes_and_views_mean_what_the_rows_mean(
    direct: Direct, build: Build, zone: str, noon: datetime
) -> None:
    schema = f"zone {zone}"
    run = direct.migrate(build(SCRIPT), target_schema=schema, source_timezone=zone)
    assert run.phase is Phase.COMPLETED, run.error
    with psycopg.connect(direct.url) as connection:
        connection.execute(f'SET search_path = "{schema}"')
        connection.execute("INSERT INTO t (id) VALUES (2)")
        rows = connection.execute(
            "SELECT id, at, abs(extract(epoch FROM now() - made)) < 60 FROM t ORDER BY id"
        )
        assert rows.fetchall() == [(1, noon, False), (2, noon, True)]
        assert connection.execute("SELECT count(*) FROM from_noon").fetchall() == [(2,)]
        (predicate,) = connection.execute(
            "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = 'late'::regclass"
        ).fetchall()
        assert f"{noon:%Y-%m-%d %H:%M:%S}+00" in predicate[0]
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute("INSERT INTO t (id, at) VALUES (3, %s - interval '1 second')", (noon,))
