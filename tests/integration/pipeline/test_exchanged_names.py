"""What was proved is bound to tables and columns: who exchanges their names touches no row, and is seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration.cutover_errors import StagingChangedError
from migration.ledger.run_records import RunRecord, create_run
from migration.ledger.run_requests import request_cutover, request_resume
from migration.ledger.table_records import read_tables
from migration.model import Phase, Source
from migration.run_options import RunOptions
from migration.target.pg_catalog.catalog_identity import changed_identity, read_identities
from migration.target.sql_statements import run_sql
from producer.transitions.staged_proof import check_staged
from tests.support.direct import Direct
from tests.support.later_writes import refused, undo

Build = Callable[[str], Path]
PRICES = """
CREATE TABLE price (id INTEGER PRIMARY KEY, net INT, gross INT);
CREATE TABLE computed (id INTEGER PRIMARY KEY, twice INT AS (id * 2) STORED, thrice INT AS (id * 3) STORED);
CREATE TABLE jan (id INTEGER PRIMARY KEY, n INT);
CREATE TABLE feb (id INTEGER PRIMARY KEY, n INT);
CREATE VIEW shown AS SELECT net, gross FROM price;
CREATE VIEW told AS SELECT n FROM jan;
INSERT INTO price VALUES (1, 100, 120);
INSERT INTO computed (id) VALUES (1);
INSERT INTO jan VALUES (1, 111);
INSERT INTO feb VALUES (1, 222);
"""
THEIRS = (
    "CREATE TABLE {0}.price (id int PRIMARY KEY, net int, gross int);"
    "CREATE TABLE {0}.computed (id int PRIMARY KEY, twice int, thrice int);"
    "CREATE TABLE {0}.jan (id int PRIMARY KEY, n int); CREATE TABLE {0}.feb (id int PRIMARY KEY, n int);"
)


def exchanged(start: str, one: str, other: str) -> str:
    """Return SQL that lets two columns exchange their names."""
    return f"{start} RENAME {one} TO x_; {start} RENAME {other} TO {one}; {start} RENAME x_ TO {other};"


def swapped(start: str, one: str, other: str) -> str:
    """Return SQL that lets two tables, indexes, sequences or schemas exchange their names."""
    return f"{start}{one} RENAME TO x_; {start}{other} RENAME TO {one}; {start}x_ RENAME TO {other};"


COLUMNS = exchanged("ALTER TABLE {0}.price", "net", "gross")
TABLES = swapped("ALTER TABLE {0}.", "jan", "feb")
ALONG = swapped("ALTER INDEX {0}.", "jan_pkey", "feb_pkey") + swapped(
    "ALTER SEQUENCE {0}.", "jan_id_seq", "feb_id_seq"
)
STAGED = {
    "columns": COLUMNS,
    "tables": TABLES,
    "tables with all that is theirs": TABLES + ALONG,
    "three columns in a ring": "ALTER TABLE {0}.price RENAME id TO x_; ALTER TABLE {0}.price RENAME net TO id;"
    "ALTER TABLE {0}.price RENAME gross TO net; ALTER TABLE {0}.price RENAME x_ TO gross",
    "by way of another schema": "CREATE SCHEMA {0}_x; ALTER TABLE {0}.jan SET SCHEMA {0}_x;"
    "ALTER TABLE {0}.feb RENAME TO jan; ALTER TABLE {0}_x.jan RENAME TO feb;"
    "ALTER TABLE {0}_x.feb SET SCHEMA {0}; DROP SCHEMA {0}_x",
}
BUILT = {
    "generated columns": exchanged("ALTER TABLE {0}.computed", "twice", "thrice"),
    "views": swapped("ALTER VIEW {0}.", "shown", "told"),
    "columns of a view": exchanged("ALTER VIEW {0}.shown", "net", "gross"),
    "query of a view": "CREATE OR REPLACE VIEW {0}.shown AS SELECT gross AS net, net AS gross FROM {0}.price",
    "view more": "CREATE VIEW {0}.other AS SELECT 1 AS n",
    "table more": "CREATE TABLE {0}.other (n int)",
    "view less": "DROP VIEW {0}.shown",
    "sequences": "ALTER TABLE {0}.jan ALTER id DROP IDENTITY; CREATE SEQUENCE {0}.s OWNED BY {0}.jan.id;"
    "ALTER TABLE {0}.jan ALTER id SET DEFAULT nextval('{0}.s')",
    "steps of a sequence": "ALTER TABLE {0}.jan ALTER id SET INCREMENT BY 7",
    "position of a sequence": "SELECT setval('{0}.jan_id_seq', 1, false)",
    "parent": "CREATE TABLE {0}_above (n int); ALTER TABLE {0}.jan INHERIT {0}_above",
}
HARMLESS = (
    COLUMNS + COLUMNS + TABLES + TABLES,
    "ALTER INDEX {0}.jan_pkey RENAME TO of_january",
    "SELECT nextval('{0}.jan_id_seq')",
    "ALTER SCHEMA {0} RENAME TO {0}_x; ALTER SCHEMA {0}_x RENAME TO {0}",
)


def held(direct: Direct, path: Path, schema: str, **options: object) -> RunRecord:
    run = direct.migrate(path, target_schema=schema, hold=True, **options)
    assert run.phase is Phase.READY, run.error
    return run


def cut_over(direct: Direct, run: RunRecord) -> RunRecord:
    request_cutover(direct.ledger, run.id)
    return direct.finish(run.id)


@pytest.mark.parametrize("is_load", [False, True])
@pytest.mark.parametrize("deed", [COLUMNS, TABLES, TABLES + ALONG])
def test_exchanged_names_keep_the_tables_from_users(
    direct: Direct, build: Build, deed: str, is_load: bool
) -> None:
    if is_load:
        direct.query("CREATE SCHEMA en;" + THEIRS.format("en"))
    run = held(direct, build(PRICES), "en", data_only=is_load)
    direct.query(deed.replace(ALONG, "" if is_load else ALONG).format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is Phase.FAILED
    assert "The staged table was changed since its proof" in str(ended.error)
    there = "SELECT count(*) FROM en.price" if is_load else "SELECT num_nonnulls(to_regclass('en.price'))"
    assert direct.query(there) == [(0,)]


def test_every_name_that_stands_for_something_else_is_seen(direct: Direct, build: Build) -> None:
    run = held(direct, build(PRICES), "en_every")
    unseen = []
    for what, deed in (STAGED | BUILT).items():
        with direct.ledger.connect() as connection:
            run_sql(connection, deed.format(run.staging_schema))
            try:
                check_staged(connection, run, read_tables(connection, run.id))
            except StagingChangedError:
                continue
            unseen.append(what)
    assert unseen == []
    direct.query(f"SELECT setval('{run.staging_schema}.jan_id_seq', 1)")  # what no transaction undoes
    for deed in HARMLESS:
        direct.query(deed.format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error
    assert direct.query("SELECT net, gross FROM en_every.price") == [(100, 120)]


def test_types_that_say_something_else_are_seen(direct: Direct) -> None:
    direct.query(
        "CREATE SCHEMA said; CREATE TYPE said.mood AS ENUM ('sad', 'glad'); CREATE TYPE said.tone AS ENUM ('sad');"
        "CREATE DOMAIN said.moods AS said.mood[]; CREATE DOMAIN said.word AS text;"
        "CREATE TYPE said.pair AS (a int, b int, m said.mood);"
        "CREATE TABLE said.m (x said.mood); CREATE TABLE said.a (x said.moods); CREATE TABLE said.p (x said.pair[]);"
        "CREATE TABLE said.w (x said.word); CREATE TABLE said.t (x said.tone)"
    )
    labels = "".join(
        f"ALTER TYPE said.mood RENAME VALUE '{one}' TO '{other}';"
        for one, other in (("sad", "x_"), ("glad", "sad"), ("x_", "glad"))
    )
    deeds = {
        labels: "map",
        swapped("ALTER TYPE said.", "mood", "tone"): "mapt",
        exchanged("ALTER TYPE said.pair", "a", "b").replace("RENAME", "RENAME ATTRIBUTE"): "p",
        "ALTER DOMAIN said.word ADD CHECK (VALUE <> '')": "w",
        "ALTER DOMAIN said.moods SET NOT NULL": "a",
        "ALTER TYPE said.mood ADD VALUE 'mad' BEFORE 'sad'": "",
    }
    oids = dict(
        direct.query(
            "SELECT oid::int, relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'said'::regnamespace"
        )
    )
    for deed, expected in deeds.items():
        with direct.ledger.connect() as connection:
            before = read_identities(connection, list(oids))
            run_sql(connection, deed)
            after = read_identities(connection, list(oids))
        changed = {oids[oid] for oid in oids if changed_identity(before[oid], after[oid])}
        assert changed == set(expected), deed


def test_names_exchanged_while_the_tables_are_read_back_are_seen(direct: Direct, build: Build) -> None:
    """After the last row was read and before the verdict: what was read went by names that now say something else."""
    run = direct.start(build(PRICES), until=Phase.VALIDATING, target_schema="en_reading")
    direct.work(run)
    direct.query(COLUMNS.format(run.staging_schema))
    ended = direct.finish(run.id)
    assert ended.phase is Phase.FAILED
    assert "The staged table was changed while it was proved: column 2 is gross" in str(ended.error)


def test_staging_schemas_that_exchange_their_names_are_seen(
    direct: Direct, build: Build, tmp_path: Path
) -> None:
    first = build(PRICES)
    second = tmp_path / "other.db"
    second.write_bytes(first.read_bytes())
    sources = (Source("en_a", str(first)), Source("en_b", str(second)))
    run_id = create_run(direct.ledger, RunOptions(sources=sources, schema_per_source=True, hold=True))
    run = direct.finish(run_id)
    assert run.phase is Phase.READY, run.error
    one, other = [
        name
        for (name,) in direct.query(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE"
            f" 'convoy\\_{run.id.replace('-', '')}\\_staging%' ORDER BY 1"
        )
    ]
    direct.query(swapped("ALTER SCHEMA ", one, other))
    ended = cut_over(direct, run)
    assert ended.phase is Phase.FAILED
    assert "The staged table was changed since its proof" in str(ended.error)


def test_run_that_an_earlier_version_has_held_is_put_in_place(direct: Direct, build: Build) -> None:
    run = held(direct, build(PRICES), "en_earlier")
    direct.query(f"UPDATE convoy.tables SET signature = signature -> 'lines' WHERE run_id = '{run.id}'")
    ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error
    direct.query(
        "UPDATE convoy.runs SET cutover = (SELECT jsonb_agg(jsonb_set(part, '{record,tables}', (SELECT"
        " jsonb_agg(entry - 'identity') FROM jsonb_array_elements(part #> '{record,tables}') entry)))"
        f" FROM jsonb_array_elements(cutover) part) WHERE id = '{run.id}'"
    )
    assert undo(direct, ended).writes == ()


def test_who_gives_the_names_back_can_go_on(direct: Direct, build: Build) -> None:
    run = held(direct, build(PRICES), "en_again")
    direct.query(COLUMNS.format(run.staging_schema))
    assert cut_over(direct, run).phase is Phase.FAILED
    direct.query(COLUMNS.format(run.staging_schema))
    request_resume(direct.ledger, run.id)
    ended = direct.finish(run.id)
    ended = ended if ended.phase is not Phase.READY else cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error


def test_rollback_sees_names_that_were_exchanged_since(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(PRICES), target_schema="en_back")
    assert run.phase is Phase.COMPLETED, run.error
    for deed, back, words in (
        (COLUMNS, COLUMNS, "column 2 is gross of type int4 (23) added"),
        (BUILT["generated columns"], BUILT["generated columns"], "twice"),
        (
            BUILT["steps of a sequence"],
            "ALTER TABLE {0}.jan ALTER id SET INCREMENT BY 1",
            "sequence jan_id_seq",
        ),
        (BUILT["parent"], "ALTER TABLE {0}.jan NO INHERIT {0}_above", "child of"),
        (BUILT["columns of a view"], BUILT["columns of a view"], "en_back.shown: column 1 is gross"),
    ):
        direct.query(deed.format("en_back"))
        assert words in str(refused(direct, run))
        direct.query(back.format("en_back"))
    query = "CREATE OR REPLACE VIEW en_back.shown AS SELECT {} AS net, gross FROM en_back.price"
    direct.query(query.format("net + 1"))
    assert "en_back.shown: query" in str(refused(direct, run))
    direct.query(query.format("net"))
    # Numbers that an application has drawn are no change, nor is a name that came back.
    direct.query("SELECT nextval('en_back.jan_id_seq')")
    assert undo(direct, run).writes == ()


def test_forced_rollback_keeps_the_exchanged_columns(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(PRICES), target_schema="en_forced")
    direct.query(COLUMNS.format("en_forced"))
    (schema,) = undo(direct, run, force=True).kept_schemas
    assert direct.query(f"SELECT net, gross FROM {schema}.price") == [(120, 100)]


@pytest.fixture
def answered(direct: Direct) -> Iterator[Callable[[str, str], None]]:
    """Let an event trigger of the database answer the commands of a cutover in a schema."""

    def answer(schema: str, deed: str) -> None:
        direct.query(
            "CREATE FUNCTION public.answer() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN"
            f" IF num_nulls(to_regclass('{schema}.price'), to_regclass('{schema}.jan'),"
            f" to_regclass('{schema}.feb')) = 0 AND current_setting('answer.done', true) IS DISTINCT FROM 't' THEN"
            f" PERFORM set_config('answer.done', 't', true); {deed}; END IF; END$$;"
            "CREATE EVENT TRIGGER answer ON ddl_command_end WHEN TAG IN ('ALTER TABLE')"
            " EXECUTE FUNCTION public.answer()"
        )

    yield answer
    direct.query("DROP EVENT TRIGGER IF EXISTS answer; DROP FUNCTION IF EXISTS public.answer()")


@pytest.mark.parametrize("deed", [COLUMNS, TABLES])
def test_event_trigger_that_exchanges_names_undoes_the_cutover(
    direct: Direct, build: Build, answered: Callable[[str, str], None], deed: str
) -> None:
    schema = f"en_event_{'c' if deed is COLUMNS else 't'}"
    answered(schema, deed.format(schema).rstrip(";"))
    run = direct.migrate(build(PRICES), target_schema=schema)
    assert run.phase is Phase.FAILED
    assert "while it was put in place" in str(run.error)
    assert direct.query(f"SELECT to_regclass('{schema}.price')") == [(None,)]
