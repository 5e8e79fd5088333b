"""--data-only: rows that the application's constraints refuse go to the quarantine, and the others are loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.model import IfExists, Mode, OnError, Phase
from migration.report.report_builder import build_report
from migration.steps.run_rollback import roll_back_run
from tests.support.direct import Direct

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord

Build = Callable[[str], Path]


def make(direct: Direct, schema: str, script: str) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(script.encode())


def load(direct: Direct, source: Path, schema: str, **options: Any) -> RunRecord:
    return direct.migrate(source, target_schema=schema, data_only=True, **options)


def held(direct: Direct, run: RunRecord) -> list[tuple[Any, ...]]:
    return direct.query(
        'SELECT t.name, q.key, q."column", q.storage_class, q.original, q.reason FROM convoy.quarantine q'
        f" JOIN convoy.tables t ON t.id = q.table_id WHERE q.run_id = '{run.id}' ORDER BY t.name, q.key, 3"
    )


MANY = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, n INTEGER);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 100)
INSERT INTO t SELECT i, 'v' || i, i FROM c;
"""
LONG = "id integer PRIMARY KEY, n integer"

PARTITIONED = """
CREATE TABLE t (v text, n integer, id integer) PARTITION BY RANGE (id);
CREATE TABLE t_low PARTITION OF t FOR VALUES FROM (0) TO (60);
CREATE TABLE t_high PARTITION OF t (CHECK (n <> 61)) FOR VALUES FROM (60) TO (100);
"""


@pytest.mark.parametrize(
    ("target", "keys", "columns", "reason"),
    [
        (
            f"CREATE TABLE t ({LONG}, v text, CONSTRAINT small CHECK (n NOT IN (7, 50, 51)))",
            [7, 50, 51],
            {"n"},
            'new row for relation "t" violates check constraint "small"',
        ),
        (
            f"CREATE TYPE word AS ENUM ('v1', 'v2', 'v4');CREATE TABLE t ({LONG}, v word, UNIQUE (v))",
            sorted(set(range(1, 101)) - {1, 2, 4}),
            {"v"},
            "invalid input value for enum",
        ),
        (
            f"CREATE DOMAIN short AS text CHECK (length(value) < 4); CREATE TABLE t ({LONG}, v short)",
            [100],
            {"v"},
            'violates check constraint "short_check"',
        ),
        (
            f"CREATE TABLE t ({LONG}, v text, CHECK (length(v) < 4), CONSTRAINT one_each UNIQUE (id, n))",
            [100],
            {"v"},
            "t_v_check",
        ),
        (
            f"CREATE TABLE t ({LONG}, v text); CREATE UNIQUE INDEX tens ON t ((n / 50)) WHERE n > 97",
            [99],
            {"id", "n", "v"},
            'duplicate key value violates unique constraint "tens"',
        ),
        (
            f"CREATE TABLE t ({LONG}, v text, EXCLUDE (n WITH =) WHERE (id < 3), CHECK (n <> 5))",
            [5],
            {"n"},
            "t_n_check",
        ),
        (
            PARTITIONED,
            [61, 100],
            {"id", "n", "v"},
            "",
        ),
    ],
    ids=["check", "enum", "domain", "length", "unique index", "exclusion beside check", "partitions"],
)
def test_rows_that_a_constraint_refuses_are_kept_apart(
    direct: Direct,
    build: Build,
    request: pytest.FixtureRequest,
    target: str,
    keys: list[int],
    columns: set[str],
    reason: str,
) -> None:
    schema = "ref_" + request.node.callspec.id.replace(" ", "_")
    make(direct, schema, target)
    run = load(direct, build(MANY), schema, chunk_rows=30)
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    assert direct.query(f"SELECT id FROM {schema}.t ORDER BY id") == [
        (number,) for number in range(1, 101) if number not in keys
    ]
    entries = held(direct, run)
    assert sorted({key[0] for _, key, *_ in entries}) == keys
    assert all(reason in entry[5] for entry in entries)
    assert {entry[2] for entry in entries if entry[1] == [keys[-1]]} == columns
    originals = {entry[2]: (entry[3], entry[4]) for entry in entries if entry[1] == [keys[0]]}
    if "v" in originals:
        assert originals["v"] == ("text", f"v{keys[0]}".encode())
    report = build_report(direct.ledger, run.id)
    (table,) = report.tables
    assert (table.rows_source, table.rows_loaded, table.rows_quarantined) == (100, 100 - len(keys), len(keys))
    assert (table.equal, table.rows_target) == (True, 100 - len(keys))
    assert (report.exit_status, report.quarantine.total) == (1, len(keys))
    roll_back_run(direct.ledger, run.id)
    assert direct.query(f"SELECT count(*) FROM {schema}.t") == [(0,)]


def test_abort_names_table_key_and_constraint(direct: Direct, build: Build) -> None:
    make(direct, "ref_abort", f"CREATE TABLE t ({LONG}, v text, CONSTRAINT small CHECK (n < 60 OR n > 70))")
    run = load(direct, build(MANY), "ref_abort", on_error=OnError.ABORT)
    assert run.phase is Phase.FAILED
    assert '"small" (table t, key 60, column n)' in (run.error or "")
    assert direct.query("SELECT count(*) FROM ref_abort.t") == [(0,)]
    assert held(direct, run) == []


FAMILY = """
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER, twin INTEGER, grown INTEGER);
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT, favourite INTEGER, boss INTEGER);
INSERT INTO parent VALUES (1, 'a', 10, 3), (2, 'bad', 11, 1), (3, 'c', NULL, 1), (4, 'd', 13, NULL), (5, 'e', 99, NULL);
INSERT INTO child VALUES (10, 1, 11, 1), (11, 1, 10, 2), (12, 2, NULL, 3), (13, 9, NULL, 4), (14, 1, 12, 5),
    (15, NULL, NULL, 6), (16, 5, NULL, 7);
"""
FAMILY_TARGET = """
CREATE TABLE parent (id integer PRIMARY KEY, name text CHECK (name <> 'bad'), favourite integer,
    boss integer REFERENCES parent);
CREATE TABLE child (id integer PRIMARY KEY, parent integer REFERENCES parent {deferrable},
    twin integer REFERENCES child, grown integer);
ALTER TABLE parent ADD FOREIGN KEY (favourite) REFERENCES child;
"""


@pytest.mark.parametrize("deferrable", ["", "DEFERRABLE INITIALLY DEFERRED"])
def test_orphans_and_children_of_refused_rows_go_along_in_any_circle(
    direct: Direct, build: Build, deferrable: str
) -> None:
    schema = "ref_family" if deferrable else "ref_family_fixed"
    make(direct, schema, FAMILY_TARGET.format(deferrable=deferrable))
    run = load(direct, build(FAMILY), schema)
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    # 13 has no parent, so 4 has no favourite; 5 has none either, so 16 has no parent; 2 is refused, then 12, then 14.
    assert direct.query(f"SELECT id FROM {schema}.parent ORDER BY id") == [(1,), (3,)]
    assert direct.query(f"SELECT id FROM {schema}.child ORDER BY id") == [(10,), (11,), (15,)]
    reasons = {(entry[0], entry[1][0]): entry[5] for entry in held(direct, run)}
    assert reasons["parent", 2].endswith('violates check constraint "parent_name_check"')
    assert reasons["child", 12].endswith('violates foreign key constraint "child_parent_fkey"')
    assert reasons["child", 14].endswith('violates foreign key constraint "child_twin_fkey"')
    assert set(reasons) == {
        ("parent", 2), ("parent", 4), ("parent", 5), ("child", 12), ("child", 13), ("child", 14), ("child", 16)
    }  # fmt: skip
    assert all(table.equal for table in build_report(direct.ledger, run.id).tables)
    keys = "SELECT condeferrable FROM pg_constraint WHERE contype = 'f' AND connamespace = '{}'::regnamespace"
    assert sum(flag for (flag,) in direct.query(keys.format(schema))) == (1 if deferrable else 0)


def test_rows_without_a_key_and_equal_rows_are_told_apart_as_far_as_they_differ(
    direct: Direct, build: Build
) -> None:
    source = build(
        "CREATE TABLE t (a TEXT, b INTEGER);"
        "INSERT INTO t VALUES ('x', 1), ('x', 1), ('y', 2), ('x', 1), (NULL, 3), (' 4', '4');"
    )
    make(direct, "ref_heap", "CREATE TABLE t (b integer, a text); CREATE UNIQUE INDEX u ON t (a, b)")
    run = load(direct, source, "ref_heap")
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    assert direct.query("SELECT a, b FROM ref_heap.t ORDER BY b") == [
        ("x", 1),
        ("y", 2),
        (None, 3),
        (" 4", 4),
    ]
    entries = held(direct, run)
    assert [(entry[2], entry[4]) for entry in entries] == [("a", b"x"), ("b", b"1")] * 2
    assert len({entry[1][0] for entry in entries}) == 2


def test_refused_rows_take_their_transforms_along(direct: Direct, build: Build) -> None:
    source = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at INTEGER); INSERT INTO t VALUES (1, 0), (2, 1700000000);"
    )
    make(direct, "ref_changed", "CREATE TABLE t (id integer, at timestamptz CHECK (at > '2000-01-01'))")
    run = load(direct, source, "ref_changed")
    assert [entry[:5] for entry in held(direct, run)] == [("t", [1], "at", "integer", b"0")]
    (table,) = build_report(direct.ledger, run.id).tables
    (column,) = [column for column in table.columns if column.name == "at"]
    assert {transform.name: transform.values for transform in column.transforms} == {
        "epoch_s_to_timestamptz": 1
    }


def test_every_row_may_be_refused(direct: Direct, build: Build) -> None:
    make(direct, "ref_all", f"CREATE TABLE t ({LONG}, v text CHECK (false))")
    run = load(direct, build(MANY), "ref_all")
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    assert len(held(direct, run)) == 100 * 3
    assert direct.query("SELECT count(*) FROM ref_all.t") == [(0,)]


@pytest.mark.parametrize("if_exists", list(IfExists))
def test_table_that_holds_rows_is_refused_or_emptied_so_that_none_can_clash(
    direct: Direct, build: Build, if_exists: IfExists
) -> None:
    schema = f"ref_full_{if_exists}"
    make(
        direct, schema, f"CREATE TABLE t ({LONG}, v text); INSERT INTO t VALUES (5, 0, 'of the application')"
    )
    run = load(direct, build(MANY), schema, if_exists=if_exists)
    if if_exists is IfExists.REFUSE:
        assert run.phase is Phase.FAILED
        assert "The tables hold rows already: t" in (run.error or "")
    elif if_exists is IfExists.MERGE:
        assert run.phase is Phase.FAILED
        assert "differs from what stands under its key: t: 1 (id = 5)" in (run.error or "")
        assert direct.query(f"SELECT v FROM {schema}.t") == [("of the application",)]
    else:
        assert (run.phase, run.error) == (Phase.COMPLETED, None)


def test_no_trace_of_the_search_is_left(direct: Direct, build: Build) -> None:
    make(
        direct,
        "ref_trace",
        f"CREATE TABLE t ({LONG}, v text CHECK (v <> 'v3'), up integer REFERENCES t);"
        "CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$;"
        "CREATE TRIGGER meddle BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION meddle();",
    )
    run = load(direct, build(MANY), "ref_trace")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert direct.query(
        "SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = 'ref_trace.t'::regclass AND NOT tgisinternal"
    ) == [("O",)]
    assert direct.query(f"SELECT FROM pg_namespace WHERE nspname LIKE '{run.staging_schema}%'") == []
    assert direct.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'ref_trace.t'::regclass AND attnum > 0 ORDER BY 1"
    ) == [("id",), ("n",), ("up",), ("v",)]


def test_dry_run_does_not_know_of_constraints(direct: Direct, build: Build) -> None:
    make(direct, "ref_dry", f"CREATE TABLE t ({LONG}, v text CHECK (false))")
    assert load(direct, build(MANY), "ref_dry", mode=Mode.DRY_RUN).phase is Phase.COMPLETED


def test_role_that_owns_nothing_finds_the_refused_rows_too(
    direct: Direct, build: Build, tmp_path: Path
) -> None:
    make(
        direct,
        "ref_guest",
        "CREATE TABLE parent (id integer PRIMARY KEY);"
        f"CREATE TABLE t ({LONG}, v text CHECK (v <> 'v3'), up integer REFERENCES t, p integer REFERENCES parent);"
        "INSERT INTO parent VALUES (1);"
        "CREATE ROLE guest LOGIN; GRANT CREATE ON DATABASE direct TO guest; GRANT USAGE ON SCHEMA ref_guest TO guest;"
        "GRANT SELECT, INSERT ON t TO guest;"
        "GRANT ALL ON SCHEMA convoy TO guest; GRANT ALL ON ALL TABLES IN SCHEMA convoy TO guest;"
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA convoy TO guest;",
    )
    source = build(
        MANY
        + "ALTER TABLE t ADD up INTEGER; ALTER TABLE t ADD p INTEGER; UPDATE t SET up = id - 1 WHERE id > 1;"
        "UPDATE t SET p = 1 + (id = 50)"
    )
    guest = Direct(direct.url.replace("//postgres@", "//guest@", 1), tmp_path)
    try:
        refused = load(guest, source, "ref_guest")
        assert "The role guest may not TRUNCATE on t; SELECT on parent" in (refused.error or "")
        error = build_report(guest.ledger, refused.id).error_details
        assert error is not None
        assert (error.code, [step.command for step in error.next_steps]) == (
            "target-permission-denied",
            [
                'GRANT TRUNCATE ON "ref_guest"."t" TO "guest"',
                'GRANT SELECT ON "ref_guest"."parent" TO "guest"',
            ],
        )
        for step in error.next_steps:
            direct.query(step.command)
        run = load(guest, source, "ref_guest")
    finally:
        guest.close()
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    # 3 is refused, and with it the chain of those that refer to each other behind it.
    assert direct.query("SELECT id FROM ref_guest.t ORDER BY id") == [(1,), (2,)]
    reasons = {entry[1][0]: entry[5] for entry in held(direct, run)}
    assert "t_v_check" in reasons[3]
    assert '"t_up_fkey"' in reasons[4]
    assert len(reasons) == 98
