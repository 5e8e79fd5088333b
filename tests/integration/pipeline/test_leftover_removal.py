"""What runs leave behind goes when nobody needs it, whatever others do at that moment."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_requests import request_cancel, request_resume
from migration.model import IfExists, Phase
from migration.settings import Settings
from migration.steps.leftovers.leftover_record import Leftover, LeftoverKind
from migration.steps.leftovers.leftover_removal import (
    Removal,
    find_leftovers,
    leftover_places,
    remove_leftovers,
)
from migration.steps.run_rollback import roll_back_run
from tests.support.direct import Direct, quiet_steps

Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent);
CREATE VIEW names AS SELECT name FROM parent;
INSERT INTO parent VALUES (1, 'a');
INSERT INTO child VALUES (2, 1);
"""
UNKNOWN = "convoy_0198c2aa00007000800000000000abcd"
DAY_SECONDS = 24 * 3600.0


def places(direct: Direct, hours: float = 0, *, with_replaced: bool = False) -> tuple:
    settings = Settings(
        snapshot_dir=direct.folder / "snapshots",
        report_dir=direct.folder / "reports",
        snapshot_retention_hours=hours,
        _env_file=None,
    )
    return leftover_places(direct.ledger, settings, with_replaced=with_replaced)


def found(direct: Direct, hours: float = 0) -> dict[str, Leftover]:
    return {leftover.name: leftover for _, leftover in find_leftovers(places(direct, hours))}


def clean(direct: Direct, hours: float = 0, *, with_replaced: bool = False) -> dict[str, Removal]:
    there = find_leftovers(places(direct, hours, with_replaced=with_replaced))
    return {removal.leftover.name: removal for removal in remove_leftovers(there)}


def test_stage_objects_go_once_no_run_needs_them(direct: Direct, build: Build, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    settings = Settings(
        snapshot_dir=direct.folder / "snapshots",
        report_dir=direct.folder / "reports",
        stage_url=str(stage),
        snapshot_retention_hours=0,
        _env_file=None,
    )
    direct.workspace = replace(direct.workspace, settings=settings)
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="staged")
    (snapshot,) = stage.glob("*.sqlite")

    def on_stage() -> list[Leftover]:
        there = find_leftovers(leftover_places(direct.ledger, settings))
        return [leftover for _, leftover in there if leftover.kind is LeftoverKind.STAGE_OBJECT]

    (needed,) = on_stage()
    assert (needed.name, needed.bytes, needed.is_needed) == (str(snapshot), snapshot.stat().st_size, True)
    assert run.id in needed.reason
    list(remove_leftovers(find_leftovers(leftover_places(direct.ledger, settings))))
    assert snapshot.exists()
    request_cancel(direct.ledger, run.id)
    (free,) = on_stage()
    assert not free.is_needed
    list(remove_leftovers(find_leftovers(leftover_places(direct.ledger, settings))))
    assert list(stage.iterdir()) == []
    assert on_stage() == []


def schemas(direct: Direct) -> list[str]:
    statement = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy\\_%' ORDER BY 1"
    return [name for (name,) in direct.query(statement)]


def built(direct: Direct, build: Build, schema: str = "a") -> RunRecord:
    """Return a run whose tables and views stand in its staging schema."""
    return direct.start(build(SCRIPT), until=Phase.CUTTING_OVER, target_schema=schema)


def failed(direct: Direct, build: Build) -> RunRecord:
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="a")
    direct.query(f'ALTER TABLE "{run.staging_schema}".child RENAME TO lost')
    with quiet_steps():
        assert direct.finish(run.id).phase is Phase.FAILED
    direct.query(f'ALTER TABLE "{run.staging_schema}".lost RENAME TO child')
    return find_run(direct.ledger, run.id)


def test_nothing_is_left_where_nothing_ran(direct: Direct) -> None:
    assert found(direct) == {}
    assert clean(direct) == {}


def test_staging_of_a_cancelled_run_goes_with_its_snapshot(direct: Direct, build: Build) -> None:
    run = built(direct, build)
    (snapshot,) = (direct.folder / "snapshots").glob("*.sqlite")
    assert all(leftover.is_needed for leftover in found(direct).values())
    request_cancel(direct.ledger, run.id)  # and the process dies before it drops the schema
    there = found(direct)
    assert there[run.staging_schema].bytes > 8192
    assert there[run.staging_schema].reason == f"run {run.id} is cancelled"
    assert there[str(snapshot)].bytes == snapshot.stat().st_size
    removals = clean(direct)
    assert {name: removal.in_the_way for name, removal in removals.items()} == {
        run.staging_schema: (),
        str(snapshot): (),
    }
    assert schemas(direct) == []
    assert [path.name for path in (direct.folder / "snapshots").iterdir()] == [".lock"]


def test_failed_run_keeps_all_and_names_the_commands(direct: Direct, build: Build) -> None:
    run = failed(direct, build)
    kept = found(direct)[run.staging_schema]
    assert (kept.is_needed, kept.reason) == (True, f"run {run.id} has failed and can be resumed")
    assert [step.command for step in kept.next_steps] == [
        f"migration-cli resume {run.id}",
        f"migration-cli cancel {run.id}",
    ]
    assert clean(direct) == {}
    request_resume(direct.ledger, run.id)
    assert direct.finish(run.id).phase is Phase.COMPLETED


def test_replaced_tables_stay_for_rollback(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    direct.migrate(path, target_schema="a")
    run = direct.migrate(path, target_schema="a", if_exists=IfExists.REPLACE)
    kept = found(direct)[run.previous_schema]
    assert (kept.is_needed, kept.reason) == (True, f"kept for rollback of run {run.id}")
    assert kept.bytes > 8192
    assert run.previous_schema not in clean(direct)
    roll_back_run(direct.ledger, run.id)
    assert schemas(direct) == []
    assert direct.query("SELECT count(*) FROM a.parent") == [(1,)]


def test_previous_schema_of_a_rolled_back_run_goes_once_it_is_empty(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    direct.migrate(path, target_schema="a")
    run = direct.migrate(path, target_schema="a", if_exists=IfExists.REPLACE)
    direct.query(f'CREATE TABLE "{run.previous_schema}".mine (v int)')
    roll_back_run(direct.ledger, run.id)
    assert clean(direct)[run.previous_schema].in_the_way == (f"table {run.previous_schema}.mine",)
    direct.query(f'DROP TABLE "{run.previous_schema}".mine')
    assert clean(direct)[run.previous_schema].in_the_way == ()
    assert schemas(direct) == []


def test_schemas_of_unknown_runs(direct: Direct) -> None:
    direct.query(
        f"CREATE SCHEMA {UNKNOWN}_staging_2; CREATE TABLE {UNKNOWN}_staging_2.t (id int);"
        f"CREATE VIEW {UNKNOWN}_staging_2.v AS TABLE {UNKNOWN}_staging_2.t;"
        f"CREATE SCHEMA {UNKNOWN}_previous; CREATE TABLE {UNKNOWN}_previous.t (id int);"
        "CREATE SCHEMA convoy_of_ships; CREATE SCHEMA convoy_12_staging"
    )
    assert list(clean(direct)) == [f"{UNKNOWN}_staging_2"]
    assert list(clean(direct, with_replaced=True)) == [f"{UNKNOWN}_previous"]
    assert schemas(direct) == ["convoy_12_staging", "convoy_of_ships"]


@pytest.mark.parametrize(
    ("put", "in_the_way", "drop"),
    [
        ("CREATE TABLE {s}.notes (v int)", "table {s}.notes", "DROP TABLE {s}.notes"),
        ("CREATE VIEW public.w AS TABLE {s}.parent", "view w depends on table {s}.parent", "DROP VIEW w"),
        (
            "CREATE TABLE public.w (p int REFERENCES {s}.parent)",
            "constraint w_p_fkey on table w depends on table {s}.parent",
            "DROP TABLE w",
        ),
        (
            "CREATE FUNCTION {s}.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function {s}.f() depends on schema {s}",
            "DROP FUNCTION {s}.f()",
        ),
        (
            "CREATE ROLE somebody; GRANT ALL ON SCHEMA {s} TO somebody; ALTER TABLE {s}.child OWNER TO somebody",
            "table {s}.child of role somebody",
            "ALTER TABLE {s}.child OWNER TO postgres; REVOKE ALL ON SCHEMA {s} FROM somebody; DROP ROLE somebody",
        ),
    ],
    ids=["table", "view", "foreign key", "function", "owner"],
)
def test_what_others_own_or_need_stays(
    direct: Direct, build: Build, put: str, in_the_way: str, drop: str
) -> None:
    run = built(direct, build)
    schema = run.staging_schema
    direct.query(put.format(s=schema))
    request_cancel(direct.ledger, run.id)
    before = direct.query(f"SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace")
    removals = clean(direct)
    assert removals[schema].in_the_way == (in_the_way.format(s=schema),)
    assert (
        direct.query(f"SELECT count(*) FROM pg_class WHERE relnamespace = '{schema}'::regnamespace") == before
    )
    assert direct.query(f"SELECT count(*) FROM {schema}.names") == [(1,)]
    direct.query(drop.format(s=schema))
    assert clean(direct)[schema].in_the_way == ()
    assert schemas(direct) == []


def test_schema_that_somebody_reads_stays(
    direct: Direct, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.target.schema_removal._LOCK_TIMEOUT", "100ms")
    run = built(direct, build)
    request_cancel(direct.ledger, run.id)
    with psycopg.connect(direct.url) as reader:
        reader.execute(f"SELECT * FROM {run.staging_schema}.child")
        (told,) = clean(direct)[run.staging_schema].in_the_way
        assert told.startswith("it is in use: process ")
    assert clean(direct)[run.staging_schema].in_the_way == ()


def test_run_that_is_back_in_the_ledger_keeps_its_schema(direct: Direct, build: Build) -> None:
    """The list was made while the ledger was being restored."""
    run = built(direct, build)
    direct.query("CREATE TABLE saved AS TABLE convoy.runs; DELETE FROM convoy.runs")
    there = find_leftovers(places(direct))
    assert [leftover.is_needed for _, leftover in there if leftover.kind is LeftoverKind.STAGING_SCHEMA] == [
        False
    ]
    stored = ", ".join(column.name for column in runs.columns if column.computed is None)
    direct.query(f"INSERT INTO convoy.runs ({stored}) SELECT {stored} FROM saved")
    removals = {removal.leftover.name: removal for removal in remove_leftovers(there)}
    assert removals[run.staging_schema].in_the_way == (f"it is needed by now: run {run.id} is cutting_over",)
    assert schemas(direct) == [run.staging_schema]


def test_removal_waits_for_who_has_the_run(direct: Direct, build: Build) -> None:
    """What another session makes of the run, while the removal waits for its row, is seen."""
    run = failed(direct, build)
    direct.query(f"UPDATE convoy.runs SET phase = 'cancelled' WHERE id = '{run.id}'")
    there = find_leftovers(places(direct))
    removals: dict[str, Removal] = {}

    def remove() -> None:
        removals.update({removal.leftover.name: removal for removal in remove_leftovers(there)})

    thread = threading.Thread(target=remove)
    with psycopg.connect(direct.url) as other:
        other.execute("UPDATE convoy.runs SET phase = 'copying' WHERE id = %s", (run.id,))
        thread.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        deadline = time.monotonic() + 60
        while direct.query(waiting) == [(0,)]:
            assert time.monotonic() < deadline
        other.commit()
    thread.join(60)
    assert not thread.is_alive()
    assert {removal.in_the_way[0].split(":")[0] for removal in removals.values()} == {"it is needed by now"}
    assert schemas(direct) == [run.staging_schema]
    assert len(list((direct.folder / "snapshots").glob("*.sqlite"))) == 1


def test_snapshot_stays_for_another_ledgers_note_and_for_the_retention(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="a")
    (snapshot,) = (direct.folder / "snapshots").glob("*.sqlite")
    assert found(direct, hours=1)[str(snapshot)].is_needed
    theirs = "01934f6e-0000-7000-8000-000000000003"
    note = snapshot.with_name(f"{snapshot.stem}.needed-by-{theirs}")
    there = find_leftovers(places(direct))
    assert [leftover.is_needed for _, leftover in there] == [False]
    note.touch()  # the other run begins between the list and the removal
    (removal,) = remove_leftovers(there)
    (reason,) = removal.in_the_way
    assert reason == (
        f"it is needed by now: has a note of run {theirs}, which this ledger does not know, but that of another target"
        " or cluster on this folder may"
    )
    assert (clean(direct), snapshot.exists()) == ({}, True)
    note.unlink()
    assert list(clean(direct)) == [str(snapshot)]
    assert not list(snapshot.parent.glob(f"*{run.id}"))
    assert not snapshot.exists()


def test_snapshot_that_no_run_has_to_do_with_goes_after_a_day(direct: Direct) -> None:
    folder = direct.folder / "snapshots"
    folder.mkdir(parents=True)
    snapshot = folder / f"{'b' * 64}.sqlite"
    snapshot.write_bytes(b"x" * 10)
    snapshot.chmod(0o444)
    assert clean(direct) == {}
    os.utime(snapshot, (time.time() - 2 * DAY_SECONDS,) * 2)
    assert clean(direct)[str(snapshot)].leftover.bytes == 10
    assert not snapshot.exists()


def test_unfinished_copies_and_reports_go_after_a_day(direct: Direct) -> None:
    old = time.time() - 2 * DAY_SECONDS
    copies = [direct.folder / "snapshots" / name for name in (".incoming-a", ".look-b", ".validating-c")]
    report = direct.folder / "reports" / "run" / f".report.json.{'0' * 32}"
    whole = report.with_name("report.json")
    for path in (*(copy / "copy.db" for copy in copies), report, whole):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    assert clean(direct) == {}
    for path in (*(copy / "copy.db" for copy in copies), *copies, report, whole):
        os.utime(path, (old, old))
    assert sorted(clean(direct)) == sorted(str(path) for path in (*copies, report))
    assert not any(path.exists() for path in (*copies, report))
    assert whole.read_bytes() == b"half"


def test_one_that_fails_stops_no_other(direct: Direct, build: Build) -> None:
    run = built(direct, build)
    request_cancel(direct.ledger, run.id)
    there = find_leftovers(places(direct))
    (direct.folder / "snapshots" / ".lock").unlink()
    (direct.folder / "snapshots" / ".lock").mkdir()  # nobody can lock the folder now
    outcomes = {removal.leftover.kind: removal.in_the_way for removal in remove_leftovers(there)}
    assert outcomes[LeftoverKind.STAGING_SCHEMA] == ()
    assert outcomes[LeftoverKind.SNAPSHOT][0].startswith("It cannot be removed: Is a directory")
