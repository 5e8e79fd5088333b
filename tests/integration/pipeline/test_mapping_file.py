from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migration.ledger.event_log import read_events
from migration.ledger.run_results import read_transform_totals
from migration.ledger.table_records import planned, read_tables
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Mode, Phase
from migration.report.mapping_file_draft import draft_mapping
from tests.support.planning import without_reasons

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

Build = Callable[[str], Path]
UTC = dt.UTC

SOURCE = """
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, mail TEXT, code TEXT,
    amount INTEGER CHECK (amount IS NULL OR amount <> ''), note TEXT, memo TEXT, raw TEXT, secret TEXT,
    made INTEGER, seen TIMESTAMP, local TIMESTAMP, price REAL, flag TEXT, state TEXT DEFAULT 'new', size VARCHAR(9)
);
CREATE INDEX by_secret ON orders (secret);
CREATE INDEX by_mail ON orders (mail);
CREATE VIEW cheap AS SELECT id, mail FROM orders WHERE price < 2;
INSERT INTO orders VALUES
 (1, '  Ada@Example.org ', 'a' || char(0) || 'b', char(160) || '12 ', ' ', 'nul' || char(0), 'x', 's', 1700000000000,
  2451544.5, '2024-07-01 12:00:00', 1.5, 'yes', 'old', 'short'),
 (2, 'bob@example.org', 'plain', '13', ' kept', 'plain', 'y', 't', 1700000000001,
  2451545.0, '2024-01-01 12:00:00', 2.25, 'no', 'new', 'five5'),
 (3, 'Cafe' || char(769), NULL, NULL, '', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (4, NULL, NULL, NULL, NULL, NULL, 'bad' || char(0), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
 (5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'far too long');
CREATE TABLE part (a INT, b INT, n INT);
INSERT INTO part VALUES (1, 1, 10), (1, 2, 20);
CREATE TABLE junk (x); INSERT INTO junk VALUES (1);
"""

MAPPING = """
[tables.orders]
rename = "sale"

[tables.orders.columns]
mail = { rename = "e_mail", normalise = ["lower", "trim", "nfc"] }
code = { nul = { replace = "?" } }
amount = { normalise = ["trim"] }
note = { normalise = ["trim", "empty_to_null"] }
memo = { nul = "strip" }
raw = { nul = "quarantine" }
secret = { skip = true }
made = { epoch = "ms" }
seen = { epoch = "julian" }
local = { timezone = "Europe/Berlin" }
price = { expression = "CAST(round(price * 100) AS INTEGER)", type = "bigint" }
flag = { expression = "CASE flag WHEN 'yes' THEN 1 WHEN 'no' THEN 0 END", rules = { integer = "integer_to_bool" } }
state = { default = "'fresh'" }
size = { type = "varchar(5)" }

[tables.part]
key = ["a", "b"]

[sources.%s.tables.junk]
skip = true
"""


def test_every_option_reaches_the_rows(pipeline: Pipeline, build: Build) -> None:
    path = build(SOURCE)
    mapping = parse_mapping(MAPPING % path.stem, "shop.toml")
    run = pipeline.migrate(path, mapping=mapping, target_schema="mapped", chunk_rows=2)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    tables = pipeline.query(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'mapped'::regnamespace"
    )
    assert {name for (name,) in tables} == {"sale", "part"}
    columns = "id, e_mail, code, amount, note, memo, raw, made, seen, local, price, flag, state, size"
    assert pipeline.query(f"SELECT {columns} FROM mapped.sale ORDER BY id") == [
        (1, "ada@example.org", "a?b", 12, None, "nul", "x", dt.datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
         dt.datetime(2000, 1, 1, tzinfo=UTC), dt.datetime(2024, 7, 1, 10, tzinfo=UTC), 150, True, "old", "short"),
        (2, "bob@example.org", "plain", 13, "kept", "plain", "y",
         dt.datetime(2023, 11, 14, 22, 13, 20, 1000, tzinfo=UTC), dt.datetime(2000, 1, 1, 12, tzinfo=UTC),
         dt.datetime(2024, 1, 1, 11, tzinfo=UTC), 225, False, "new", "five5"),
        (3, "café", *[None] * 12),
    ]  # fmt: skip
    assert pipeline.query(
        f"SELECT key, \"column\", original FROM convoy.quarantine WHERE run_id = '{run.id}' ORDER BY 2"
    ) == [([4], "raw", b"bad\0"), ([5], "size", b"far too long")]
    with pipeline.ledger.connect() as connection:
        totals = read_transform_totals(connection, run.id)
        plans = {table.name: planned(table) for table in read_tables(connection, run.id)}
    assert {(column, name): count for (_, column, name), count in totals.items()} == {
        ("mail", "lowered"): 2,
        ("mail", "trimmed"): 1,
        ("mail", "nfc_normalised"): 1,
        ("code", "nul_replaced"): 1,
        ("amount", "trimmed"): 1,
        ("amount", "text_to_number"): 1,
        ("note", "trimmed"): 2,
        ("note", "empty_to_null"): 2,
        ("memo", "nul_stripped"): 1,
        ("made", "epoch_ms_to_timestamptz"): 2,
        ("seen", "julian_to_timestamptz"): 2,
    }
    assert plans["part"].key == ("a", "b")
    assert pipeline.query("SELECT * FROM mapped.cheap") == []
    skipped = "SELECT kind, name FROM convoy.objects WHERE state = 'skipped' AND reason LIKE '%mapping file%'"
    assert set(pipeline.query(f"{skipped} AND run_id = '{run.id}'")) == {
        ("table", "junk"),
        ("column", "orders.secret"),
    }
    assert pipeline.query("INSERT INTO mapped.sale (id) VALUES (9) RETURNING state") == [("fresh",)]


def test_same_mapping_proves_the_target_equal(pipeline: Pipeline, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n REAL, gone TEXT);"
        "INSERT INTO t VALUES (1, ' A ', 1.5, 'x'), (2, '', 2, 'y');"
        "CREATE TABLE junk (x);"
    )
    text = """
    [tables.junk]
    skip = true
    [tables.t]
    rename = "people"
    [tables.t.columns]
    name = { rename = "label", normalise = ["trim", "lower", "empty_to_null"] }
    n = { expression = "n * 2" }
    gone = { skip = true }
    """
    mapping = parse_mapping(text, "m.toml")
    run = pipeline.migrate(path, mapping=mapping, target_schema="proved")
    assert run.phase is Phase.COMPLETED, run.error
    assert pipeline.query("SELECT * FROM proved.people ORDER BY id") == [(1, "a", 3.0), (2, None, 4.0)]
    same = pipeline.migrate(path, mode=Mode.VALIDATE, mapping=mapping, target_schema="proved")
    assert same.phase is Phase.COMPLETED, same.error
    bare = pipeline.migrate(path, mode=Mode.VALIDATE, target_schema="proved")
    assert bare.phase is Phase.COMPLETED_WITH_FINDINGS


def test_draft_of_a_dry_run_makes_the_same_plan(pipeline: Pipeline, build: Build) -> None:
    path = build(SOURCE)
    first = pipeline.migrate(path, mode=Mode.DRY_RUN)
    draft = draft_mapping(pipeline.ledger, first.id)
    second = pipeline.migrate(path, mode=Mode.DRY_RUN, mapping=parse_mapping(draft, "draft.toml"))
    assert second.phase is first.phase, second.error
    assert draft_mapping(pipeline.ledger, second.id).count("\ntype = ") == draft.count("\ntype = ") > 15
    with pipeline.ledger.connect() as connection:
        plans = [
            without_reasons(tuple(planned(table) for table in read_tables(connection, run.id)))
            for run in (first, second)
        ]
    assert plans[0] == plans[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tables.ordres.skip = true",
            "No source has a table ordres (m.toml, table ordres). Did you mean orders",
        ),
        ("tables.orders.columns.pric.skip = true", "Did you mean price"),
        ("tables.orders.columns.price.expression = 'sum(price)'", "misuse of aggregate"),
        ("tables.orders.columns.price.expression = 'prize + 1'", "no such column: prize"),
        ("tables.orders.rename = 'part'", "which is the name of part"),
        ("tables.orders.columns.price.expression = 'abs(-9223372036854775807 - id)'", "Guard it with CASE"),
        ("tables.orders.columns.note.default = 'no_such_thing()'", "Correct the mapping file"),
    ],
)
def test_mapping_that_cannot_be_is_status_2(
    pipeline: Pipeline, build: Build, text: str, message: str
) -> None:
    run = pipeline.migrate(build(SOURCE), mapping=parse_mapping(text, "m.toml"), target_schema="impossible")
    assert run.phase is Phase.FAILED
    assert message in (run.error or "")
    (failed,) = [event for event in read_events(pipeline.ledger, run.id) if event.kind == "failed"]
    assert failed.data["exit_status"] == 2


NUL_AND_FRACTION = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT, at TIMESTAMP);
INSERT INTO t VALUES (1, 'x' || char(0), 'y' || char(0), 1700000000.1234567);
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"a", "b", "at"}),
        ('tables.t.columns.a.nul = "strip"', {"b", "at"}),
        ('tables.t.columns.a.rules.text = "text_strip_nul"\ntables.t.columns.at.epoch = "s"', {"b"}),
    ],
    ids=["nothing asked", "by policy", "by rule and epoch"],
)
def test_loss_that_the_file_asks_for_is_counted_and_no_finding(
    pipeline: Pipeline, build: Build, text: str, found: set[str]
) -> None:
    path = build(NUL_AND_FRACTION)
    run = pipeline.migrate(path, mode=Mode.DRY_RUN, mapping=parse_mapping(text, "m.toml"))
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    rows = pipeline.query(f"SELECT \"column\", accepted_by FROM convoy.findings WHERE run_id = '{run.id}'")
    assert {column for column, by in rows if by is None} == found
    assert {column: by for column, by in rows if by is not None} == dict.fromkeys(
        {"a", "b", "at"} - found, "the mapping file m.toml"
    )
    with pipeline.ledger.connect() as connection:
        totals = read_transform_totals(connection, run.id)
    assert {column for _, column, _ in totals} == {"a", "b", "at"}
    draft = parse_mapping(draft_mapping(pipeline.ledger, run.id), "draft.toml")
    again = pipeline.migrate(path, mode=Mode.DRY_RUN, mapping=draft)
    unsigned = f"SELECT FROM convoy.findings WHERE run_id = '{again.id}' AND accepted_by IS NULL"
    assert len(pipeline.query(unsigned)) == len(found)


def test_run_whose_only_loss_was_asked_for_is_status_0(pipeline: Pipeline, build: Build) -> None:
    path = build("CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x' || char(0));")
    mapping = parse_mapping('tables.t.columns.a.nul = "strip"', "m.toml")
    run = pipeline.migrate(path, mapping=mapping, target_schema="asked_to_lose")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
