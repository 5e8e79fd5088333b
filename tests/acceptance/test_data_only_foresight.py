"""--data-only: what a dry-run says of rows without a parent is what the run does with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.mapping_file_model import OnOrphan
from migration.model import FindingKind, IfExists, Mode, Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord

Build = Callable[[str], Path]
UUIDS = ("0190b8a0-0000-7000-8000-000000000001", "0190b8a0-0000-7000-8000-000000000002")


@dataclass(frozen=True)
class Case:
    """Tables of both sides, and the rows that go to the quarantine: table, key, column."""

    source: str
    target: str
    held: tuple[tuple[str, str, str], ...]
    options: tuple[tuple[str, Any], ...] = ()


PARENT = "CREATE TABLE p (id INTEGER PRIMARY KEY, d DATE);INSERT INTO p VALUES (1, '2023-02-30'), (2, '2024-01-01');"
CHILD = (
    "CREATE TABLE c (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p);INSERT INTO c VALUES (1, 1), (2, 2);"
)
BARE = CHILD.replace(" REFERENCES p", "")
STANDS = "CREATE TABLE p (id int PRIMARY KEY, d date);"
REFERS = "CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p);"
BAD = ("p", "[1]", "d")
LOST = ("c", "[1]", "p_id")
MERGE = (("if_exists", IfExists.MERGE),)

CASES = {
    "parent_in_quarantine": Case(PARENT + CHILD, STANDS + REFERS, (LOST, BAD)),
    "key_of_the_target_alone": Case(PARENT + BARE, STANDS + REFERS, (LOST, BAD)),
    "key_of_the_source_alone": Case(
        PARENT + CHILD, STANDS + "CREATE TABLE c (id int PRIMARY KEY, p_id int);", (BAD,)
    ),
    "not_valid_before": Case(
        PARENT + CHILD,
        STANDS + "CREATE TABLE c (id int PRIMARY KEY, p_id int);"
        "ALTER TABLE c ADD CONSTRAINT of_p FOREIGN KEY (p_id) REFERENCES p NOT VALID;",
        (LOST, BAD),
    ),
    "children_of_children": Case(
        PARENT + CHILD + "CREATE TABLE g (id INTEGER PRIMARY KEY, c_id INTEGER);"
        "INSERT INTO g VALUES (1, 2), (2, 1), (3, NULL);",
        STANDS + REFERS + "CREATE TABLE g (id int PRIMARY KEY, c_id int REFERENCES c);",
        (LOST, ("g", "[2]", "c_id"), BAD),
    ),
    "itself": Case(
        "CREATE TABLE n (id INTEGER PRIMARY KEY, up INTEGER);INSERT INTO n VALUES (1, NULL), (2, 1), (3, 9), (4, 3);",
        "CREATE TABLE n (id int PRIMARY KEY, up int REFERENCES n);",
        (("n", "[3]", "up"), ("n", "[4]", "up")),
    ),
    "stands_and_is_merged": Case(
        PARENT + "CREATE TABLE c (id INTEGER PRIMARY KEY, p_id INTEGER REFERENCES p);"
        "INSERT INTO c VALUES (1, 1), (2, 2), (3, 7), (4, 8);",
        STANDS + REFERS + "INSERT INTO p VALUES (1, '2023-03-01'), (7, NULL);",
        (("c", "[4]", "p_id"), BAD),
        MERGE,
    ),
    "stands_and_is_replaced": Case(
        PARENT + CHILD + "INSERT INTO c VALUES (3, 7);",
        STANDS + REFERS + "INSERT INTO p VALUES (7, NULL);",
        (LOST, ("c", "[3]", "p_id"), BAD),
        (("if_exists", IfExists.REPLACE),),
    ),
    "stands_and_is_left_out": Case(
        PARENT + CHILD,
        STANDS + REFERS + "INSERT INTO p VALUES (2, NULL);",
        (LOST,),
        (("exclude", ("p",)),),
    ),
    "other_types": Case(
        "CREATE TABLE a (u TEXT, t TIMESTAMP, b BLOB, n NUMERIC);"
        f"INSERT INTO a VALUES ('{UUIDS[0]}', '2024-01-01 10:00:00', x'00ff', 1.5),"
        f" ('{UUIDS[1]}', '2024-01-02 10:00:00', x'01', 2);",
        "CREATE TABLE u (k uuid PRIMARY KEY); CREATE TABLE t (k timestamptz PRIMARY KEY);"
        "CREATE TABLE b (k bytea PRIMARY KEY); CREATE TABLE n (k numeric(8,2) PRIMARY KEY);"
        "CREATE TABLE a (u uuid REFERENCES u, t timestamptz REFERENCES t, b bytea REFERENCES b,"
        " n numeric(8,2) REFERENCES n);"
        f"INSERT INTO u VALUES ('{UUIDS[0]}'), ('{UUIDS[1]}'); INSERT INTO t VALUES ('2024-01-01 10:00:00+00');"
        "INSERT INTO b VALUES ('\\x00ff'), ('\\x01'); INSERT INTO n VALUES (1.50), (2);",
        (("a", "[2]", "t"),),
    ),
    "several_columns": Case(
        "CREATE TABLE c (id INTEGER PRIMARY KEY, x INTEGER, y TEXT);"
        "INSERT INTO c VALUES (1, 1, 'a%'), (2, 1, ':b'), (3, 2, NULL);",
        'CREATE TABLE "p:q%" (x bigint, "y:z%" varchar(3), PRIMARY KEY (x, "y:z%"));'
        """INSERT INTO "p:q%" VALUES (1, 'a%');"""
        'CREATE TABLE c (id int PRIMARY KEY, x int, y text, FOREIGN KEY (x, y) REFERENCES "p:q%");',
        (("c", "[2]", "x"), ("c", "[2]", "y")),
    ),
    "cut_loose_by_the_run": Case(
        PARENT + CHILD, STANDS + REFERS, (BAD,), (("on_orphan", OnOrphan.SET_NULL),)
    ),
}


def held(direct: Direct, run: RunRecord) -> list[tuple[Any, ...]]:
    return direct.query(
        'SELECT t.name, q.key::text, q."column", q.storage_class, q.original, q.reason FROM convoy.quarantine q'
        f" JOIN convoy.tables t ON t.id = q.table_id WHERE q.run_id = '{run.id}' ORDER BY 1, 2, 3"
    )


@pytest.mark.parametrize("name", CASES)
def test_dry_run_keeps_out_the_rows_that_the_run_does(direct: Direct, build: Build, name: str) -> None:
    case, schema = CASES[name], f"foreseen_{name}"
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(case.target.encode())
    options = {"target_schema": schema, "data_only": True, **dict(case.options)}
    source = build(case.source)
    trial = direct.migrate(source, mode=Mode.DRY_RUN, **options)
    run = direct.migrate(source, **options)
    assert (trial.error, run.error) == (None, None)
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}
    assert tuple(row[:3] for row in held(direct, run)) == case.held
    assert held(direct, trial) == held(direct, run)
    foreseen, done = build_report(direct.ledger, trial.id), build_report(direct.ledger, run.id)
    assert foreseen.dry_run is not None
    assert foreseen.dry_run.would_load == done.rows_loaded
    for report in (foreseen, done):
        assert "NOT VALID" not in str([report.findings, report.recommendations])


def test_rows_that_only_the_source_takes_for_orphans_are_told_and_loaded(
    direct: Direct, build: Build
) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute("CREATE SCHEMA foreseen_told; SET search_path = foreseen_told")
        connection.execute((STANDS + "CREATE TABLE c (id int PRIMARY KEY, p_id int);").encode())
    trial = direct.migrate(
        build(PARENT + CHILD), mode=Mode.DRY_RUN, target_schema="foreseen_told", data_only=True
    )
    report = build_report(direct.ledger, trial.id)
    (finding,) = (f for f in report.findings if f.kind is FindingKind.ORPHAN_ROWS)
    assert finding.message.endswith(
        "they would be loaded, since the application's tables have no such foreign key"
    )
    (advice,) = (a for a in report.recommendations if "orphan" in a.title)
    assert "they are missing, or kept out themselves" in advice.detail


def test_key_that_stood_not_valid_before_is_not_the_sources_fault(direct: Direct, build: Build) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute("CREATE SCHEMA foreseen_stood; SET search_path = foreseen_stood")
        connection.execute(
            b"CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p_id int);"
            b"ALTER TABLE c ADD CONSTRAINT c_p FOREIGN KEY (p_id) REFERENCES p NOT VALID;"
        )
    script = (
        "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (id INTEGER PRIMARY KEY, p_id INTEGER{key});"
    )
    script += "INSERT INTO p VALUES (1); INSERT INTO c VALUES (1, 1){more};"
    run = direct.migrate(
        build(script.format(key="", more="")), target_schema="foreseen_stood", data_only=True
    )
    report = build_report(direct.ledger, run.id)
    assert (report.exit_status, report.verdict.headline[:6]) == (0, "Proved")
    assert not [advice for advice in report.recommendations if "orphan" in advice.title]
    ours = build(
        script.format(key=" REFERENCES p", more=", (2, 9)").replace(" p ", " q ").replace("c ", "d ")
    )
    report = build_report(direct.ledger, direct.migrate(ours, target_schema="foreseen_ours").id)
    (advice,) = (advice for advice in report.recommendations if "orphan" in advice.title)
    assert "d_p_id_fkey on d" in advice.detail
