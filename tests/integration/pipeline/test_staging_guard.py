"""Nobody writes into staged tables between their copying and their cutover, and nobody sees what keeps them out."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migration.ledger.run_records import RunRecord, create_run
from migration.ledger.run_requests import request_cutover, request_resume
from migration.model import IfExists, Mode, OnOrphan, Phase, Source
from migration.report.report_builder import build_report
from migration.run_options import RunOptions
from migration.steps.run_cancellation import cancel_run, remove_staging
from producer.transitions import staged_proof
from tests.support.direct import Direct

Build = Callable[[str], Path]
SHOP = """
CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, p INTEGER REFERENCES p (id));
INSERT INTO p VALUES (1), (2);
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', NULL);
"""
WRITE = "UPDATE {0}.t SET name = 'forged' WHERE id = 1"
WRITES = {
    "insert": "INSERT INTO {0}.t (id, name) VALUES (9, 'x')",
    "update": WRITE,
    "delete": "DELETE FROM {0}.t WHERE id = 3",
    "delete of parents": "DELETE FROM {0}.p",
    "truncate": "TRUNCATE {0}.t",
    "truncate with children": "TRUNCATE {0}.p CASCADE",
    "upsert": "INSERT INTO {0}.t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = 'x'",
    "replica": "SET LOCAL session_replication_role = replica; " + WRITE,
    "common table expression": "WITH gone AS (DELETE FROM {0}.t RETURNING *) SELECT count(*) FROM gone",
    "through a parent": "CREATE TABLE {0}.above (LIKE {0}.t); ALTER TABLE {0}.t INHERIT {0}.above;"
    "UPDATE {0}.above SET name = 'x'",
    "through a partitioned table": "ALTER TABLE {0}.t ALTER id DROP IDENTITY;"
    "CREATE TABLE {0}.above (LIKE {0}.t) PARTITION BY LIST (id);"
    "ALTER TABLE {0}.above ATTACH PARTITION {0}.t DEFAULT; UPDATE {0}.above SET name = 'x'",
    "through a view": "CREATE VIEW {0}.v AS SELECT * FROM {0}.t; UPDATE {0}.v SET name = 'x'",
    "by a key of others": "CREATE TABLE {0}.boss (id int PRIMARY KEY); INSERT INTO {0}.boss VALUES (1), (2);"
    "ALTER TABLE {0}.t ADD FOREIGN KEY (p) REFERENCES {0}.boss ON DELETE CASCADE; DELETE FROM {0}.boss",
    "all triggers off by role": "SET LOCAL session_replication_role = local; " + WRITE,
}
OFF = "ALTER TABLE {0}.t DISABLE TRIGGER convoy_guard_rows;"
OPENINGS = {
    "disabled": OFF + "{write}",
    "disabled and enabled again": OFF + "{write}; ALTER TABLE {0}.t ENABLE ALWAYS TRIGGER convoy_guard_rows",
    "of origin only": "ALTER TABLE {0}.t ENABLE TRIGGER convoy_guard_rows;"
    "SET LOCAL session_replication_role = replica; {write};"
    "ALTER TABLE {0}.t ENABLE ALWAYS TRIGGER convoy_guard_rows",
    "all disabled": "ALTER TABLE {0}.t DISABLE TRIGGER USER; {write}; ALTER TABLE {0}.t ENABLE TRIGGER USER",
    "dropped": "DROP TRIGGER convoy_guard_rows ON {0}.t; {write}",
    "dropped and made again": "DROP TRIGGER convoy_guard_rows ON {0}.t; {write};"
    "CREATE TRIGGER convoy_guard_rows BEFORE INSERT OR UPDATE OR DELETE ON {0}.t FOR EACH ROW"
    " EXECUTE FUNCTION {0}.convoy_guard(); ALTER TABLE {0}.t ENABLE ALWAYS TRIGGER convoy_guard_rows",
    "renamed": "ALTER TRIGGER convoy_guard_rows ON {0}.t RENAME TO a; ALTER TABLE {0}.t DISABLE TRIGGER a; {write};"
    "ALTER TABLE {0}.t ENABLE ALWAYS TRIGGER a; ALTER TRIGGER a ON {0}.t RENAME TO convoy_guard_rows",
    "function replaced": "CREATE OR REPLACE FUNCTION {0}.convoy_guard() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NEW; END'; {write}",
    "function dropped": "DROP FUNCTION {0}.convoy_guard() CASCADE; {write}",
    "rewritten": "ALTER TABLE {0}.t ALTER name TYPE text USING upper(name)",
}
HARMLESS = {
    "vacuum full": "VACUUM (FULL) {0}.t",
    "cluster": "CLUSTER {0}.t USING t_pkey",
    "disabled": OFF,
    "function of another owner": "ALTER FUNCTION {0}.convoy_guard() COST 7",
    "function dropped": "DROP FUNCTION {0}.convoy_guard() CASCADE",
}


def held(direct: Direct, path: Path, schema: str, **options: object) -> RunRecord:
    run = direct.migrate(path, target_schema=schema, hold=True, **options)
    assert run.phase is Phase.READY, run.error
    return run


def cut_over(direct: Direct, run: RunRecord) -> RunRecord:
    request_cutover(direct.ledger, run.id)
    return direct.finish(run.id)


def traces(direct: Direct) -> list[tuple[object, ...]]:
    """Return what stands of guards anywhere in the database."""
    return direct.query(
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE 'convoy_guard%'"
        " UNION ALL SELECT pronamespace::regnamespace::text, proname FROM pg_proc WHERE proname = 'convoy_guard'"
    )


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pass be made over staged rows."""

    def fail(*_: object) -> None:
        raise AssertionError("the rows were passed over")

    monkeypatch.setattr(staged_proof, "read_ages_by_snapshot", fail)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note over which tables a pass is made."""
    made: list[str] = []
    real = staged_proof.read_ages_by_snapshot

    def note(connection: object, table: str, snapshot: str) -> object:
        made.append(table.rpartition(".")[2].strip('"'))
        return real(connection, table, snapshot)  # type: ignore[arg-type]

    monkeypatch.setattr(staged_proof, "read_ages_by_snapshot", note)
    return made


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("write", WRITES)
def test_writer_is_refused_and_told_what_to_do(direct: Direct, build: Build, write: str) -> None:
    run = held(direct, build(SHOP), f"sg_{write.replace(' ', '_')}")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState) as refused:
        direct.query(WRITES[write].format(run.staging_schema))
    told = refused.value.diag.message_primary or ""
    assert f"{run.staging_schema}." in told
    assert f"migration-cli cancel {run.id}" in told
    ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error
    assert direct.query(f"SELECT array_agg(name ORDER BY id) FROM {run.options.target_schema}.t") == [
        (["a", "b", "c"],)
    ]
    assert traces(direct) == []


@pytest.mark.usefixtures("unread")
def test_copy_is_refused(direct: Direct, build: Build) -> None:
    run = held(direct, build(SHOP), "sg_copy")
    with (
        psycopg.connect(direct.url) as writer,
        pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
        writer.cursor().copy(f"COPY {run.staging_schema}.t (id) FROM STDIN".encode()) as copy,
    ):
        copy.write("9\n")
    assert cut_over(direct, run).phase is Phase.COMPLETED


@pytest.mark.parametrize("opening", OPENINGS)
def test_who_opens_the_guard_and_writes_is_found(
    direct: Direct, build: Build, passes: list[str], opening: str
) -> None:
    run = held(direct, build(SHOP), f"so_{opening.replace(' ', '_')}")
    direct.query(OPENINGS[opening].replace("{write}", WRITE).format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is Phase.FAILED
    assert "rows written" in str(ended.error)
    assert "t" in passes
    assert direct.query(f"SELECT to_regclass('{run.options.target_schema}.t')") == [(None,)]


@pytest.mark.parametrize("deed", HARMLESS)
def test_guard_that_was_touched_and_no_row_costs_a_pass(
    direct: Direct, build: Build, passes: list[str], deed: str
) -> None:
    run = held(direct, build(SHOP), f"sh_{deed.replace(' ', '_')}")
    with psycopg.connect(direct.url, autocommit=True) as other:
        other.execute(HARMLESS[deed].format(run.staging_schema).encode())
    ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error
    assert passes
    assert traces(direct) == []


@pytest.mark.usefixtures("unread")
def test_column_that_was_made_anew_is_found_though_no_row_was_written(direct: Direct, build: Build) -> None:
    run = held(direct, build(SHOP), "sg_anew")
    direct.query(
        f"ALTER TABLE {run.staging_schema}.t DROP name;"
        f"ALTER TABLE {run.staging_schema}.t ADD name text DEFAULT 'forged';"
        f"ALTER TABLE {run.staging_schema}.t ALTER name DROP DEFAULT"
    )
    ended = cut_over(direct, run)
    assert ended.phase is Phase.FAILED
    assert "dropped column 2 added" in str(ended.error)


def test_guard_is_no_part_of_any_verdict(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(SHOP), target_schema="sg_verdict")
    assert run.phase is Phase.COMPLETED, run.error
    assert build_report(direct.ledger, run.id).findings == ()
    assert traces(direct) == []
    direct.query("INSERT INTO sg_verdict.t VALUES (9, 'x', NULL)")


def test_trigger_of_the_guards_name_on_a_users_table_is_told(direct: Direct, build: Build) -> None:
    """Only in a staging schema it is Convoy's."""
    path = build(SHOP)
    direct.migrate(path, target_schema="sg_name")
    direct.query(
        "CREATE FUNCTION sg_name.convoy_guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER convoy_guard_rows BEFORE INSERT ON sg_name.t FOR EACH ROW"
        " EXECUTE FUNCTION sg_name.convoy_guard()"
    )
    run = direct.migrate(path, target_schema="sg_name", mode=Mode.VALIDATE)
    kinds = {finding.kind for finding in build_report(direct.ledger, run.id).findings}
    direct.query("DROP FUNCTION sg_name.convoy_guard() CASCADE")
    assert "extra_trigger" in kinds


def test_cancelled_run_leaves_nothing(direct: Direct, build: Build) -> None:
    run = held(direct, build(SHOP), "sg_cancel")
    assert len(traces(direct)) == 5
    cancel_run(direct.ledger, run.id)
    remove_staging(direct.ledger, run)
    assert traces(direct) == []


def test_blocked_cutover_leaves_the_guard_and_the_next_takes_it_away(direct: Direct, build: Build) -> None:
    path = build(SHOP)
    direct.migrate(path, target_schema="sg_blocked")
    run = held(
        direct,
        path,
        "sg_blocked",
        if_exists=IfExists.REPLACE,
        cutover_lock_timeout_seconds=0.2,
        cutover_patience_seconds=0,
    )
    with psycopg.connect(direct.url) as reader:
        reader.execute("SELECT FROM sg_blocked.t")
        assert cut_over(direct, run).phase is Phase.FAILED
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        direct.query(WRITE.format(run.staging_schema))
    request_resume(direct.ledger, run.id)
    ended = cut_over(direct, direct.finish(run.id))
    assert ended.phase is Phase.COMPLETED, ended.error
    assert traces(direct) == []


@pytest.mark.usefixtures("unread")
def test_two_schemas_have_a_guard_each(direct: Direct, build: Build, tmp_path: Path) -> None:
    first = build(SHOP)
    second = tmp_path / "other.db"
    second.write_bytes(first.read_bytes())
    sources = (Source("sg_a", str(first)), Source("sg_b", str(second)))
    run_id = create_run(direct.ledger, RunOptions(sources=sources, schema_per_source=True, hold=True))
    run = direct.finish(run_id)
    assert run.phase is Phase.READY, run.error
    assert len(traces(direct)) == 10
    ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error
    assert traces(direct) == []


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize("on_orphan", OnOrphan)
def test_orphan_rows_are_dealt_with_before_the_guard_stands(
    direct: Direct, build: Build, on_orphan: OnOrphan
) -> None:
    orphan = "PRAGMA foreign_keys = off; INSERT INTO t VALUES (4, 'd', 77);"
    run = direct.migrate(
        build(SHOP + orphan), target_schema=f"sg_{on_orphan.name}".lower(), on_orphan=on_orphan
    )
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    assert traces(direct) == []


@pytest.mark.parametrize("is_written", [False, True])
def test_server_without_plpgsql_gets_the_pass(
    direct: Direct, build: Build, passes: list[str], is_written: bool
) -> None:
    direct.query("DROP EXTENSION plpgsql")
    run = held(direct, build(SHOP), "sg_no_language")
    if is_written:
        direct.query(WRITE.format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is (Phase.FAILED if is_written else Phase.COMPLETED), ended.error
    assert "t" in passes


@pytest.fixture
def of_a_role(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    """A cluster of a role that may create schemas and no more."""
    role = f"loader_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(target_url, autocommit=True) as admin:
        database = admin.info.dbname
        admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute(f"GRANT CREATE ON DATABASE {database} TO {role}")
        cluster = Direct(
            target_url.replace("postgres:@", f"{role}:@").replace("postgres@", f"{role}@"), tmp_path
        )
        yield cluster
        cluster.close()
        admin.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_role_of_few_rights_has_a_guard_against_superusers(
    of_a_role: Direct, direct: Direct, build: Build, passes: list[str]
) -> None:
    run = held(of_a_role, build(SHOP), "sg_role")
    for cluster in (of_a_role, direct):
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            cluster.query(WRITE.format(run.staging_schema))
    assert cut_over(of_a_role, run).phase is Phase.COMPLETED
    assert passes == []
    assert traces(direct) == []


def test_role_that_may_make_no_function_gets_the_pass(
    of_a_role: Direct, direct: Direct, build: Build, passes: list[str]
) -> None:
    direct.query("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC")
    run = held(of_a_role, build(SHOP), "sg_no_right")
    assert traces(direct) == []
    assert cut_over(of_a_role, run).phase is Phase.COMPLETED
    assert "t" in passes


def test_run_without_a_proof_and_load_of_rows_have_no_guard(direct: Direct, build: Build) -> None:
    path = build(SHOP)
    held(direct, path, "sg_unproved", skip_validation=True)
    direct.query(
        "CREATE SCHEMA sg_load; CREATE TABLE sg_load.p (id int PRIMARY KEY);"
        "CREATE TABLE sg_load.t (id int PRIMARY KEY, name text, p int)"
    )
    held(direct, path, "sg_load", data_only=True)
    assert traces(direct) == []


@pytest.fixture
def forbidding(direct: Direct) -> Iterator[Callable[[str, str], None]]:
    """Let an event trigger of the database refuse a command."""

    def forbid(event: str, tag: str) -> None:
        direct.query(
            "CREATE FUNCTION public.forbid() RETURNS event_trigger LANGUAGE plpgsql AS"
            " 'BEGIN RAISE EXCEPTION ''not in this house''; END';"
            f"CREATE EVENT TRIGGER forbid ON {event} WHEN TAG IN ('{tag}') EXECUTE FUNCTION public.forbid()"
        )

    yield forbid
    direct.query("DROP EVENT TRIGGER IF EXISTS forbid; DROP FUNCTION IF EXISTS public.forbid()")


@pytest.mark.parametrize(
    ("event", "tag"),
    [
        ("ddl_command_start", "CREATE FUNCTION"),
        ("ddl_command_end", "CREATE TRIGGER"),
        ("ddl_command_start", "DROP TRIGGER"),
        ("sql_drop", "DROP FUNCTION"),
    ],
)
@pytest.mark.parametrize("is_written", [False, True])
def test_server_that_forbids_the_guard_gets_the_pass(
    direct: Direct,
    build: Build,
    forbidding: Callable[[str, str], None],
    passes: list[str],
    event: str,
    tag: str,
    is_written: bool,
) -> None:
    forbidding(event, tag)
    run = held(direct, build(SHOP), f"sf_{event}_{tag}_{is_written}".replace(" ", "_").lower())
    assert traces(direct) == []
    if is_written:
        direct.query(WRITE.format(run.staging_schema))
    ended = cut_over(direct, run)
    assert ended.phase is (Phase.FAILED if is_written else Phase.COMPLETED), ended.error
    assert "t" in passes


def test_writer_in_mid_transaction_is_found_without_a_guard(
    direct: Direct, build: Build, passes: list[str]
) -> None:
    run = direct.start(build(SHOP), until=Phase.COPYING, target_schema="sg_writer", hold=True)
    direct.work(run)
    with psycopg.connect(direct.url) as writer:
        writer.execute(WRITE.format(run.staging_schema).encode())
        run = direct.finish(run.id, until=Phase.INDEXING)
        assert run.phase is Phase.INDEXING, run.error
        assert traces(direct) == []
        writer.rollback()
    run = direct.finish(run.id)
    assert run.phase is Phase.READY, run.error
    ended = cut_over(direct, run)
    assert ended.phase is Phase.COMPLETED, ended.error
    assert passes


def test_guard_stands_before_a_row_is_read_back(direct: Direct, build: Build) -> None:
    run = direct.start(build(SHOP), until=Phase.INDEXING, target_schema="sg_early")
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        direct.query(WRITE.format(run.staging_schema))
    ended = direct.finish(run.id)
    assert ended.phase is Phase.COMPLETED, ended.error
