"""`validate` with the flags of a migration that ended with status 0 ends with status 0, too."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.ledger.run_records import RunRecord, create_run
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, Phase, Source
from migration.report.report_builder import build_report
from migration.run_options import RunOptions
from producer.cli.commands.run_commands import migrate, validate

if TYPE_CHECKING:
    from tests.support.direct import Direct

Build = Callable[[str], Path]

SOURCE = """
CREATE TABLE "User Name" (id INTEGER PRIMARY KEY, "Full Name" TEXT NOT NULL, at TIMESTAMP, "" TEXT);
CREATE TABLE orderLine (id INTEGER PRIMARY KEY, "userId" INTEGER REFERENCES "User Name", price REAL, junk BLOB);
CREATE UNIQUE INDEX line_price ON orderLine (price);
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT);
CREATE VIEW heading AS SELECT id FROM word;
CREATE VIEW heading_of_line AS SELECT l.id FROM orderLine l JOIN heading h ON h.id = l.id;
CREATE VIEW top_line AS SELECT id FROM heading_of_line;
INSERT INTO "User Name" VALUES (1, 'Ann', '2024-07-01 12:00:00', 'no name'), (2, 'Bob', NULL, NULL);
INSERT INTO orderLine VALUES (1, 1, 1.5, x'00'), (2, 1, 2.5, NULL);
INSERT INTO alembic_version VALUES ('of both');
INSERT INTO word VALUES (1, 'x' || char(0));
"""
MAPPING = """
[tables.word]
rename = "words"
[tables.word.columns]
text = { nul = "strip", rename = "written" }
[tables.orderLine.columns]
price = { type = "numeric", expression = "price * 2" }
junk = { skip = true }
[tables."User Name".columns]
at = { timezone = "Europe/Berlin" }
"""
STRIPPED = "tables.word.columns.text.nul = 'strip'"

CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "lower": {"identifiers": IdentifierPolicy.LOWER},
    "snake": {"identifiers": IdentifierPolicy.SNAKE},
    "zone": {"source_timezone": "Europe/Vienna"},
    "tables in another case": {"tables": ("USER NAME", "word")},
    "excluded": {"exclude": ("Alembic_Version", "word")},
    "catalog": {"catalog": "educational"},
    "mapping": {"mapping": parse_mapping(MAPPING, "m.toml")},
    "small batches": {"batch_rows": 1, "chunk_rows": 1, "on_error": OnError.ABORT},
    "replace": {"if_exists": IfExists.REPLACE},
}


@pytest.mark.parametrize("name", CASES)
def test_same_options_prove_the_run_again(direct: Direct, build: Build, name: str) -> None:
    options = {"mapping": parse_mapping(STRIPPED, "m.toml"), **CASES[name]}
    path = build(SOURCE)
    schema = f"again_{name.replace(' ', '_')}"
    for mode in (Mode.MIGRATE, Mode.VALIDATE):
        run = direct.migrate(path, mode=mode, target_schema=schema, **options)
        assert (run.phase, run.error) == (Phase.COMPLETED, None), _told(direct, run)
    migrated = {table.name for table in build_report(direct.ledger, run.id).tables}
    assert migrated == _tables(name)


def _tables(name: str) -> set[str]:
    everything = {"User Name", "orderLine", "alembic_version", "word"}
    return {
        "tables in another case": {"User Name", "word"},
        "excluded": {"User Name", "orderLine"},
        "catalog": {"word"},
    }.get(name, everything)


def _told(direct: Direct, run: RunRecord) -> str:
    found = direct.query(f"SELECT message FROM convoy.findings WHERE run_id = '{run.id}' ORDER BY id")
    return "\n".join(message for (message,) in found)


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.VALIDATE])
def test_schema_for_each_source_and_names_with_labels(direct: Direct, tmp_path: Path, mode: Mode) -> None:
    sources = []
    for label in ("vfirst", "vsecond"):
        with closing(sqlite3.connect(tmp_path / f"{label}.db")) as connection:
            connection.executescript(
                "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE u (w TEXT);"
                f"INSERT INTO t VALUES (1, '{label}');"
            )
        sources.append(Source(label, str(tmp_path / f"{label}.db")))
    options = {"sources": tuple(sources), "schema_per_source": True, "exclude": ("vfirst.u",)}
    for each in dict.fromkeys((Mode.MIGRATE, mode)):
        replaced = IfExists.REPLACE if each is Mode.MIGRATE else IfExists.REFUSE
        run_id = create_run(direct.ledger, RunOptions(mode=each, if_exists=replaced, **options))  # type: ignore[arg-type]
        run = direct.finish(run_id)
        assert (run.phase, run.error) == (Phase.COMPLETED, None), _told(direct, run)
    names = [(table.source, table.name) for table in build_report(direct.ledger, run.id).tables]
    assert sorted(names) == [("vfirst", "t"), ("vsecond", "t"), ("vsecond", "u")]


ROWS = """
CREATE TABLE alembic_version (version_num TEXT); INSERT INTO alembic_version VALUES ('of both');
CREATE TABLE t (id INTEGER PRIMARY KEY, uid TEXT, mood TEXT, at TIMESTAMP, extra TEXT, shout TEXT, "" TEXT, tags TEXT);
CREATE UNIQUE INDEX t_uid ON t (uid);
INSERT INTO t VALUES (1, '0123456789ABCDEF0123456789abcdef', 'fine', '2024-07-01 12:00:00.5', 'x', 'made by SQLite',
    'no name', '{b, "a"}'), (2, NULL, NULL, NULL, 'y', NULL, NULL, NULL);
"""
CAPITALS = "t.uid:respelled_by_server"
"""What a uuid does not keep of the text above."""
ROWS_TARGET = """
CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('of both');
CREATE TABLE t (
    column_7 text, mood mood, tags text[], uid uuid, id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamp(3), shout text GENERATED ALWAYS AS ('!' || id::text) STORED
);
"""


@pytest.fixture
def standing(direct: Direct, request: pytest.FixtureRequest) -> str:
    schema = f"given_{abs(hash(request.node.name)) % 10**8}"
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(ROWS_TARGET)
    return schema


def test_data_only_is_proved_again_with_its_presets_and_left_out_columns(
    direct: Direct, build: Build, standing: str
) -> None:
    path = build(ROWS)
    left_out = ("t.extra", "t.shout")
    options = {"target_schema": standing, "data_only": True, "exclude": left_out, "accept": (CAPITALS,)}
    for mode in (Mode.MIGRATE, Mode.VALIDATE):
        run = direct.migrate(path, mode=mode, **options)
        assert (run.phase, run.error) == (Phase.COMPLETED, None), _told(direct, run)
    assert direct.query(
        f"SELECT uid::text, mood::text, tags::text, column_7 FROM {standing}.t WHERE id = 1"
    ) == [("01234567-89ab-cdef-0123-456789abcdef", "fine", "{b,a}", "no name")]
    direct.query(f"UPDATE {standing}.t SET mood = 'sad' WHERE id = 1")
    assert direct.migrate(path, mode=Mode.VALIDATE, **options).phase is Phase.COMPLETED_WITH_FINDINGS


def test_plain_validate_may_leave_columns_out_and_still_misses_keys(
    direct: Direct, build: Build, standing: str
) -> None:
    path = build(ROWS)
    columns = ("t.extra", "t.shout")
    run = direct.migrate(path, target_schema=standing, data_only=True, exclude=columns, accept=(CAPITALS,))
    assert run.phase is Phase.COMPLETED, run.error
    exclude = ("alembic_version", *columns)
    plain = direct.migrate(
        path, mode=Mode.VALIDATE, target_schema=standing, exclude=exclude, accept=(CAPITALS,)
    )
    assert plain.phase is Phase.COMPLETED_WITH_FINDINGS
    assert "No unique index on (uid)" in _told(direct, plain)
    assert all(table.equal for table in build_report(direct.ledger, plain.id).tables)


def test_values_that_the_servers_type_refuses_are_named(direct: Direct, build: Build, standing: str) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, mood TEXT); INSERT INTO t VALUES (1, 'odd'), (2, 'sad');"
    )
    run = direct.migrate(path, mode=Mode.VALIDATE, target_schema=standing, data_only=True)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert "1 values cannot stand in a column of type" in _told(direct, run)
    assert "invalid input value for enum" in _told(direct, run)


def test_times_that_a_column_would_round_are_quarantined(direct: Direct, build: Build, standing: str) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at TIMESTAMP);"
        "INSERT INTO t VALUES (1, '2024-07-01 12:00:00.123'), (2, '1924-07-01 12:00:00.1234'), (3, 1700000000);"
    )
    run = direct.migrate(path, target_schema=standing, data_only=True)
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    (sample,) = build_report(direct.ledger, run.id).quarantine.sample
    assert (sample.key, sample.reason) == ("2", "seconds have more than 3 decimal places")
    assert direct.query(f"SELECT count(*) FROM {standing}.t") == [(2,)]


DISAGREEING = {
    "uid.type = 'text'": "the mapping file asks for text, and the column stands there as uuid",
    "at.type = 'date'": "asks for date, and the column stands there as timestamp(3) without time zone",
    "at.rules.text = 'text_to_timestamptz'": "the rule text_to_timestamptz of the mapping file gives no timestamp(3)",
    "at.epoch = 'julian'": "epoch = 'julian' in the mapping file gives no timestamp(3)",
    "extra.rules.integer = 'integer_to_bool'": "the rule integer_to_bool of the mapping file gives no",
}


@pytest.mark.parametrize("wish", DISAGREEING)
@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.VALIDATE])
def test_wish_that_the_standing_type_does_not_allow_is_an_error(
    direct: Direct, build: Build, standing: str, wish: str, mode: Mode
) -> None:
    direct.query(f"ALTER TABLE {standing}.t ADD extra varchar(9)")
    mapping = parse_mapping(f"[tables.t.columns]\n{wish}", "m.toml")
    run = direct.migrate(build(ROWS), mode=mode, target_schema=standing, data_only=True, mapping=mapping)
    said = (run.error or "") if mode is Mode.MIGRATE else _told(direct, run)
    assert DISAGREEING[wish].lower() in said.lower()
    assert build_report(direct.ledger, run.id).exit_status == (2 if mode is Mode.MIGRATE else 1)


def test_default_of_a_mapping_file_has_no_effect_on_standing_tables(
    direct: Direct, build: Build, standing: str
) -> None:
    mapping = parse_mapping("tables.t.columns.at.default = 'now()'", "m.toml")
    run = direct.migrate(
        build(ROWS), target_schema=standing, data_only=True, mapping=mapping, exclude=("t.extra",)
    )
    assert "t.at: default has no effect" in (run.error or "")


def test_validate_takes_the_flags_of_migrate() -> None:
    only_there = {"skip_validation", "dry_run", "on_orphan"}
    assert {p.name for p in migrate.params} - only_there <= {p.name for p in validate.params}
