"""What an application has written since the cutover is counted before a rollback, and never lost by one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from migration.errors import (
    ConvoyError,
    RunStateError,
    TargetChangedError,
    TargetPermissionError,
)
from migration.ledger.run_acts import Act, Person, last_act, read_acts
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.table_records import planned, read_tables
from migration.model import IfExists, Phase, TablePlan
from migration.steps.rollback import later_write_count
from migration.steps.run_rollback import RollbackResult, roll_back_run
from tests.support.crash_points import Stop, die, stopped_at
from tests.support.direct import Direct
from tests.support.later_writes import SCRIPT, WRITES, blur_horizon, forget_snapshots, refused, undo, write

Build = Callable[[str], Path]


@pytest.fixture
def run(direct: Direct, build: Build) -> RunRecord:
    done = direct.migrate(build(SCRIPT), target_schema="shop")
    assert done.phase is Phase.COMPLETED, done.error
    return done


def test_untouched_tables_go_as_before(direct: Direct, run: RunRecord) -> None:
    result = undo(direct, run)
    assert result.writes == ()
    assert result.kept_schemas == ()
    assert direct.query("SELECT to_regclass('shop.book')::text") == [(None,)]


def test_rows_that_were_only_touched_are_no_loss(direct: Direct, run: RunRecord) -> None:
    write(direct, "UPDATE shop.book SET title = title", "ANALYZE shop.book")
    assert undo(direct, run).writes == ()


@pytest.mark.parametrize("is_blurred", [False, True])
def test_writes_are_counted_by_key_where_the_snapshot_is_there(
    direct: Direct, run: RunRecord, is_blurred: bool
) -> None:
    write(direct, *WRITES, "INSERT INTO shop.loose VALUES ('x', '\\x00ff')")
    if is_blurred:
        blur_horizon(direct, run)
    error = refused(direct, run)
    assert "shop.book: 2 rows added, 1 changed, 1 deleted" in str(error)
    assert "shop.loose: 1 row added" in str(error)
    assert "author" not in str(error)
    assert [(found["table"], found["added"]) for found in error.writes] == [("book", 2), ("loose", 1)]


def test_writes_are_counted_by_age_where_the_snapshot_is_gone(direct: Direct, run: RunRecord) -> None:
    write(direct, *WRITES)
    forget_snapshots(direct)
    error = refused(direct, run)
    assert "shop.book: 3 rows inserted or changed, 2 rows of the run changed or deleted" in str(error)


def test_the_least_is_said_where_nobody_can_tell(direct: Direct, run: RunRecord) -> None:
    write(direct, *WRITES, "UPDATE shop.author SET name = 'Z' WHERE id = 1")
    forget_snapshots(direct)
    blur_horizon(direct, run)
    error = refused(direct, run)
    assert "shop.book: at least 1 row added" in str(error)
    assert "shop.author: other content in 2 rows" in str(error)


def test_digests_of_another_library_accuse_nobody_by_age(direct: Direct, run: RunRecord) -> None:
    write(
        direct,
        "UPDATE convoy.chunks SET digest = md5(id::text), digest_algorithm = 'hash128/duckdb-0.1'",
    )
    assert undo(direct, run).writes == ()


@pytest.mark.parametrize("statement", ["TRUNCATE shop.loose", "DELETE FROM shop.loose"])
def test_rows_that_are_only_deleted_count(direct: Direct, run: RunRecord, statement: str) -> None:
    write(direct, statement)
    forget_snapshots(direct)
    assert "shop.loose: 3 rows deleted" in str(refused(direct, run))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER TABLE shop.book ADD COLUMN isbn text", "column isbn text added"),
        ("ALTER TABLE shop.book DROP COLUMN price", "column price numeric gone"),
        (
            "ALTER TABLE shop.loose ALTER a TYPE varchar(9)",
            "column a character varying(9) added, column a text gone",
        ),
        ("ALTER TABLE shop.loose RENAME a TO c", "column c text added, column a text gone"),
        ("CREATE INDEX by_title ON shop.book (title)", "index shop.by_title added"),
        ("CREATE POLICY mine ON shop.book USING (true)", "policy mine on shop.book added"),
        ("ALTER TABLE shop.loose ADD CHECK (a <> '')", "table constraint loose_a_check on shop.loose added"),
        ("ALTER TABLE shop.book ALTER title SET NOT NULL", "title"),
        ("ALTER TABLE shop.book ALTER price SET DEFAULT 7", "default value for shop.book.price added"),
        ("ALTER TABLE shop.loose ENABLE ROW LEVEL SECURITY", "row level security added"),
        ("GRANT SELECT ON shop.loose TO PUBLIC", "grant SELECT to PUBLIC added"),
        ("GRANT UPDATE (title) ON shop.book TO PUBLIC", "grant UPDATE of title to PUBLIC added"),
        ("COMMENT ON COLUMN shop.book.title IS 'theirs'", "comment title 'theirs' added"),
        ("ALTER TABLE shop.loose REPLICA IDENTITY FULL", "replica identity f added"),
        ("ALTER TABLE shop.loose SET (fillfactor = 50)", "fillfactor=50 added"),
        ("ALTER TABLE shop.author DISABLE TRIGGER ALL", "foreign keys are not enforced added"),
    ],
)
def test_what_was_made_of_the_tables_counts(
    direct: Direct, run: RunRecord, statement: str, words: str
) -> None:
    write(direct, statement)
    assert words in str(refused(direct, run))
    kept = undo(direct, run, force=True).kept_schemas
    assert len(kept) == 1


def test_reindexing_and_vacuuming_are_no_writes(direct: Direct, run: RunRecord) -> None:
    with psycopg.connect(direct.url, autocommit=True) as connection:
        for statement in (
            "REINDEX TABLE CONCURRENTLY shop.book",
            "VACUUM FULL FREEZE shop.book",
            "VACUUM shop.loose",
        ):
            connection.execute(statement.encode())
    assert undo(direct, run).writes == ()


def test_forced_rollback_keeps_all_aside_and_says_where(direct: Direct, run: RunRecord) -> None:
    write(direct, *WRITES)
    result = undo(direct, run, force=True)
    (schema,) = result.kept_schemas
    assert direct.query(f"SELECT id, title FROM {schema}.book ORDER BY id")[-1] == (11, "b")
    assert direct.query(f"SELECT count(*) FROM {schema}.titles") == [(4,)]
    assert direct.query("SELECT to_regnamespace('shop')::text") == [(None,)]
    assert any(schema in item.reason for item in result.objects)


def test_replaced_tables_come_back_while_the_new_ones_are_kept(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    write(
        direct, "CREATE SCHEMA shop", "CREATE TABLE shop.book (old int)", "INSERT INTO shop.book VALUES (7)"
    )
    run = direct.migrate(path, target_schema="shop", if_exists=IfExists.REPLACE, drop_dependents=("column",))
    write(direct, *WRITES)
    refused(direct, run)
    (schema,) = undo(direct, run, force=True).kept_schemas
    assert direct.query("SELECT old FROM shop.book") == [(7,)]
    assert direct.query(f"SELECT count(*) FROM {schema}.book") == [(4,)]


def test_run_whose_tables_another_one_has_replaced_is_rolled_back_after_it(
    direct: Direct, build: Build
) -> None:
    source = build("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (0)")
    first = direct.migrate(source, target_schema="twice")
    second = direct.migrate(source, target_schema="twice", if_exists=IfExists.REPLACE)
    with pytest.raises(
        RunStateError, match=f"Run {second.id} has been completed on the same tables since: t"
    ):
        roll_back_run(direct.ledger, first.id, force=True)
    roll_back_run(direct.ledger, second.id)
    assert direct.query("SELECT id FROM twice.t") == [(0,)]
    roll_back_run(direct.ledger, first.id)
    assert direct.query("SELECT to_regclass('twice.t')::text") == [(None,)]


def test_tables_that_others_have_moved_or_dropped_are_no_rollback(direct: Direct, run: RunRecord) -> None:
    write(direct, "ALTER TABLE shop.loose RENAME TO mine", "INSERT INTO shop.mine VALUES ('y', NULL)")
    with pytest.raises(TargetChangedError):
        undo(direct, run)
    with pytest.raises(TargetChangedError):
        undo(direct, run, force=True)
    write(direct, "DROP TABLE shop.mine")
    with pytest.raises(TargetChangedError):
        undo(direct, run, force=True)
    assert find_run(direct.ledger, run.id).phase is Phase.COMPLETED


def test_row_between_the_count_and_the_lock_is_seen(
    direct: Direct, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = later_write_count.LaterWriteCount.look_at

    def look_and_write(self, tables, earlier=None):  # type: ignore[no-untyped-def]
        found = looked(self, tables, earlier)
        if earlier is None:
            write(direct, "INSERT INTO shop.author VALUES (9, 'late')")
        return found

    monkeypatch.setattr(later_write_count.LaterWriteCount, "look_at", look_and_write)
    assert "shop.author: 1 row inserted or changed" in str(refused(direct, run))


def test_writers_wait_for_the_rollback_and_lose_nothing(
    direct: Direct, run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who writes while rows are counted with the locks held gets an error, not a loss."""
    seen: list[object] = []
    writer = threading.Thread(target=lambda: seen.append(attempt(direct)))
    looked = later_write_count.LaterWriteCount.look_at

    def look_slowly(self, tables, earlier=None):  # type: ignore[no-untyped-def]
        if earlier is not None:
            writer.start()
            deadline = time.monotonic() + 30
            while not waiting(direct) and time.monotonic() < deadline:
                time.sleep(0.02)
        return looked(self, tables, earlier)

    monkeypatch.setattr(later_write_count.LaterWriteCount, "look_at", look_slowly)
    assert undo(direct, run).writes == ()
    writer.join(60)
    assert isinstance(seen[0], psycopg.errors.UndefinedTable)


def attempt(direct: Direct) -> object:
    try:
        write(direct, "INSERT INTO shop.author VALUES (9, 'late')")
    except psycopg.Error as error:
        return error
    return "written"


def waiting(direct: Direct) -> bool:
    return direct.query("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)]


def test_second_rollback_at_once_says_that_it_is_done(direct: Direct, run: RunRecord) -> None:
    write(direct, *WRITES)
    outcomes: list[object] = []

    def one() -> None:
        try:
            outcomes.append(undo(direct, run, force=True))
        except ConvoyError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    results = [outcome for outcome in outcomes if isinstance(outcome, RollbackResult)]
    errors = [outcome for outcome in outcomes if isinstance(outcome, ConvoyError)]
    assert len(results) == 1
    assert len(errors) == 1
    assert find_run(direct.ledger, run.id).phase is Phase.ROLLED_BACK


def test_rollback_that_dies_at_any_statement_changes_nothing(
    direct: Direct, run: RunRecord, tmp_path: Path
) -> None:
    write(direct, *WRITES)
    before = direct.query("SELECT * FROM shop.book ORDER BY id")
    statements: list[str] = []
    for number in range(400):
        stop = Stop(die)
        reached: list[str] = []

        def is_point(place: int, text: str, number: int = number, reached: list[str] = reached) -> bool:
            if place == number:
                reached.append(text)
            return place == number

        with stopped_at(direct.ledger, is_point, stop), stop.judged():
            undo(direct, run, export_to=tmp_path / str(number))
        if find_run(direct.ledger, run.id).phase is Phase.ROLLED_BACK:
            break
        statements += reached
        assert direct.query("SELECT * FROM shop.book ORDER BY id") == before
        direct.ledger.dispose()
    assert statements[-1] == "COMMIT"
    assert len(statements) > 20


def test_role_that_may_not_undo_changes_nothing(direct: Direct, run: RunRecord) -> None:
    write(
        direct,
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader",
        "GRANT USAGE ON SCHEMA shop, convoy TO reader",
        "GRANT SELECT ON ALL TABLES IN SCHEMA shop, convoy TO reader",
        "GRANT UPDATE ON convoy.runs TO reader",
    )

    @event.listens_for(direct.ledger, "begin")
    def become_reader(connection) -> None:  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("SET LOCAL ROLE reader")

    try:
        with pytest.raises((TargetPermissionError, ConvoyError)) as caught:
            undo(direct, run, force=True)
    finally:
        event.remove(direct.ledger, "begin", become_reader)
    assert caught.value.exit_status == 2
    assert find_run(direct.ledger, run.id).phase is Phase.COMPLETED
    write(direct, "DROP OWNED BY reader", "DROP ROLE reader")


def test_log_says_who_has_rolled_back(direct: Direct, run: RunRecord) -> None:
    write(direct, *WRITES)
    roll_back_run(
        direct.ledger, run.id, force=True, person=Person("jane", "desk"), settings=direct.workspace.settings
    )
    with direct.ledger.connect() as connection:
        acts = read_acts(connection, run.id)
    assert [record.act for record in acts] == [Act.STARTED, Act.CUT_OVER, Act.ROLLED_BACK]
    act = last_act(acts, Act.ROLLED_BACK)
    assert act is not None
    assert act.person == Person("jane", "desk")
    assert act.data["written_since"][0]["added"] is None or act.data["written_since"][0]["added"] == 2
    assert act.data["kept_schemas"]
    with pytest.raises(RunStateError):
        undo(direct, run)


def test_of_rollbacks_at_the_same_moment_one_does_it_and_the_others_say_so(
    direct: Direct, run: RunRecord
) -> None:
    ends: list[RollbackResult | Exception] = []

    def roll_back() -> None:
        try:
            ends.append(roll_back_run(direct.ledger, run.id, force=True, settings=direct.workspace.settings))
        except Exception as error:  # noqa: BLE001  # whatever it is, it is looked at below
            ends.append(error)

    threads = [threading.Thread(target=roll_back) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(end).__name__ for end in ends) == ["RollbackResult", *["RunStateError"] * 3], ends


def test_load_into_an_application_is_counted_and_kept(direct: Direct, build: Build) -> None:
    write(
        direct,
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.author (id int PRIMARY KEY, name text, at timestamptz DEFAULT now())",
        "CREATE TABLE shop.book (id int PRIMARY KEY, author int REFERENCES shop.author, title text, price numeric)",
        "INSERT INTO shop.author VALUES (100, 'before')",
    )
    run = direct.migrate(
        build(SCRIPT),
        target_schema="shop",
        data_only=True,
        tables=("author", "book"),
        if_exists=IfExists.REPLACE,
    )
    assert run.phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS), run.error
    write(direct, *WRITES)
    error = refused(direct, run)
    assert "shop.book: 2 rows added, 1 changed, 1 deleted" in str(error)
    (schema,) = undo(direct, run, force=True).kept_schemas
    assert direct.query("SELECT id FROM shop.author") == [(100,)]
    assert direct.query("SELECT count(*) FROM shop.book") == [(0,)]
    assert direct.query(f"SELECT count(*) FROM {schema}.book") == [(4,)]


def test_sources_in_schemas_of_their_own_are_kept_apart(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    run = direct.migrate(path, schema_per_source=True)
    assert run.phase is Phase.COMPLETED, run.error
    (name,) = {plan.target_schema for plan in plans(direct, run)}
    write(direct, f"INSERT INTO \"{name}\".author VALUES (9, 'n')")
    (schema,) = undo(direct, run, force=True).kept_schemas
    assert schema.endswith("_kept_1")
    assert direct.query(f"SELECT count(*) FROM {schema}.author") == [(3,)]


def plans(direct: Direct, run: RunRecord) -> list[TablePlan]:
    with direct.ledger.connect() as connection:
        return [planned(table) for table in read_tables(connection, run.id)]
