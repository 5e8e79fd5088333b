"""Between the proof of the staged tables and their cutover nobody changes them unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migration.finding_kinds import FindingKind
from migration.ledger.run_records import RunRecord
from migration.ledger.run_requests import request_cutover
from migration.model import IfExists, Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct

Build = Callable[[str], Path]
SHOP = """
CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, p INTEGER REFERENCES p (id), UNIQUE (name));
CREATE INDEX by_p ON t (p);
INSERT INTO p VALUES (1), (2);
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', NULL);
"""
THEIRS = "CREATE TABLE {0}.p (id int PRIMARY KEY); CREATE TABLE {0}.t (id int PRIMARY KEY, name text, p int);"
CHANGES = {
    "value": "UPDATE {0}.t SET name = 'forged' WHERE id = 1",
    "value to itself": "UPDATE {0}.t SET name = name WHERE id = 2",
    "row more": "INSERT INTO {0}.t (id, name) VALUES (9, 'x')",
    "row less": "DELETE FROM {0}.t WHERE id = 3",
    "row for a row": "DELETE FROM {0}.t WHERE id = 3; INSERT INTO {0}.t (id, name) VALUES (3, 'c')",
    "all rows": "TRUNCATE {0}.t",
    "in a subtransaction": "DO $$BEGIN BEGIN UPDATE {0}.t SET name = 'z' WHERE id = 1;"
    " EXCEPTION WHEN division_by_zero THEN NULL; END; END$$",
    "type": "ALTER TABLE {0}.t ALTER name TYPE varchar(30)",
    "row level security": "ALTER TABLE {0}.t ENABLE ROW LEVEL SECURITY",
    "grant": "GRANT UPDATE ON {0}.t TO PUBLIC",
    "grant on a column": "GRANT SELECT (name) ON {0}.t TO PUBLIC",
    "default": "ALTER TABLE {0}.t ALTER name SET DEFAULT 'x'",
    "not null": "ALTER TABLE {0}.t ALTER name SET NOT NULL",
    "trigger": "CREATE FUNCTION {0}.eat() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    "CREATE TRIGGER eat BEFORE INSERT ON {0}.t FOR EACH ROW EXECUTE FUNCTION {0}.eat()",
    "rule": "CREATE RULE eat AS ON INSERT TO {0}.t DO INSTEAD NOTHING",
    "unlogged": "ALTER TABLE {0}.t SET UNLOGGED",
    "check": "ALTER TABLE {0}.t ADD CHECK (id > 0)",
    "index option": "ALTER INDEX {0}.t_pkey SET (fillfactor = 60)",
    "comment of an index": "COMMENT ON INDEX {0}.t_pkey IS 'theirs'",
    "statistics of a column": "ALTER TABLE {0}.t ALTER name SET STATISTICS 9",
    "index": "DROP INDEX {0}.by_p",
    "rows rewritten": "ALTER TABLE {0}.t ALTER name TYPE text USING upper(name)",
    "foreign key off": "ALTER TABLE {0}.p DISABLE TRIGGER ALL",
}
# The guard keeps all these out; whoever owns the table can take it away.
OPENED = "ALTER TABLE {0}.t DISABLE TRIGGER convoy_guard_rows, DISABLE TRIGGER convoy_guard_truncate;"
OF_ROWS = {
    "value",
    "value to itself",
    "row more",
    "row less",
    "row for a row",
    "all rows",
    "in a subtransaction",
}


def held(direct: Direct, path: Path, schema: str, **options: object) -> RunRecord:
    run = direct.migrate(path, target_schema=schema, hold=True, **options)
    assert run.phase is Phase.READY, run.error
    return run


def cut_over(direct: Direct, run: RunRecord) -> RunRecord:
    request_cutover(direct.ledger, run.id)
    return direct.finish(run.id)


@pytest.mark.parametrize("change", CHANGES)
def test_change_of_a_staged_table_keeps_it_from_users(direct: Direct, build: Build, change: str) -> None:
    run = held(direct, build(SHOP), f"sp_{change.replace(' ', '_')}")
    opened = OPENED if change in OF_ROWS else ""
    direct.query((opened + CHANGES[change]).format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is Phase.FAILED
    assert "The staged table was changed since its proof" in str(ended.error)
    assert direct.query(f"SELECT to_regclass('{run.options.target_schema}.t')") == [(None,)]


@pytest.mark.parametrize("change", sorted(OF_ROWS))
def test_rows_that_wait_for_a_load_are_those_that_were_proved(
    direct: Direct, build: Build, change: str
) -> None:
    schema = f"spl_{change.replace(' ', '_')}"
    direct.query(f"CREATE SCHEMA {schema};" + THEIRS.format(schema))
    run = held(direct, build(SHOP), schema, data_only=True)
    direct.query(CHANGES[change].format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is Phase.FAILED
    assert "The staged table was changed since its proof" in str(ended.error)
    assert direct.query(f"SELECT count(*) FROM {schema}.t") == [(0,)]


def test_what_changes_nothing_does_not_stop_a_cutover(direct: Direct, build: Build) -> None:
    """Others' long transactions, VACUUM that freezes, and a transaction that was rolled back."""
    with psycopg.connect(direct.url) as other:
        other.execute("SELECT pg_current_xact_id()")  # older than all that is copied, and open all the time
        run = held(direct, build(SHOP), "sp_nothing")
        direct.query("SELECT pg_current_xact_id()")
        with psycopg.connect(direct.url) as undone:
            undone.execute((OPENED + CHANGES["value"]).format(run.staging_schema).encode())
            undone.rollback()
        with psycopg.connect(direct.url, autocommit=True) as busy:
            busy.execute(f"VACUUM (FREEZE, ANALYZE) {run.staging_schema}.t".encode())
        ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error


@pytest.fixture
def answered(direct: Direct) -> Iterator[Callable[[str], None]]:
    """Let an event trigger of the database answer the commands of a cutover in a schema."""

    def answer(schema: str, deed: str) -> None:
        ((old,),) = direct.query(f"SELECT coalesce(to_regclass('{schema}.t')::oid::bigint, 0)")
        direct.query(
            "CREATE FUNCTION public.answer() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN"
            f" IF to_regclass('{schema}.t')::oid <> {old} AND current_setting('answer.done', true) IS DISTINCT FROM 't'"
            f" THEN PERFORM set_config('answer.done', 't', true); {deed}; END IF; END$$;"
            "CREATE EVENT TRIGGER answer ON ddl_command_end WHEN TAG IN ('ALTER TABLE')"
            " EXECUTE FUNCTION public.answer()"
        )

    yield answer
    direct.query("DROP EVENT TRIGGER IF EXISTS answer; DROP FUNCTION IF EXISTS public.answer()")


def test_event_trigger_that_writes_in_mid_cutover_undoes_it(
    direct: Direct, build: Build, answered: Callable[[str, str], None]
) -> None:
    answered("ev_rows", "UPDATE ev_rows.t SET name = upper(name)")
    run = direct.migrate(build(SHOP), target_schema="ev_rows")
    assert run.phase is Phase.FAILED
    assert "by an event trigger of the database" in str(run.error)
    assert direct.query("SELECT to_regclass('ev_rows.t')") == [(None,)]


@pytest.mark.parametrize("is_replaced", [False, True])
def test_event_trigger_that_changes_a_table_is_told(
    direct: Direct, build: Build, answered: Callable[[str, str], None], is_replaced: bool
) -> None:
    schema = f"ev_rls_{is_replaced}".lower()
    path = build(SHOP)
    if is_replaced:
        direct.migrate(path, target_schema=schema)
        direct.query(f"GRANT SELECT (name) ON {schema}.t TO PUBLIC; COMMENT ON TABLE {schema}.t IS 'x'")
    answered(schema, f"ALTER TABLE {schema}.t FORCE ROW LEVEL SECURITY")
    run = direct.migrate(path, target_schema=schema, if_exists=IfExists.REPLACE)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    found = build_report(direct.ledger, run.id).findings
    assert [(f.kind, f.table) for f in found] == [(FindingKind.CHANGED_AT_CUTOVER, "t")]
    assert "forced added" in found[0].message
