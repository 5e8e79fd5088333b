"""`purge` gives up what a run keeps, and nothing of others; rollback and retry then say that it is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from migration.errors import RunStateError, TargetChangedError
from migration.evidence_errors import RunPurgedError
from migration.ledger.run_acts import Person
from migration.ledger.run_records import RunRecord, find_run
from migration.model import IfExists, Phase
from migration.settings import Settings
from migration.steps.leftovers.leftover_record import LeftoverKind
from migration.steps.leftovers.leftover_removal import find_leftovers, leftover_places, remove_leftovers
from migration.steps.leftovers.purged_run import Purge, find_kept, purge_run
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from migration.steps.run_rollback import roll_back_run
from producer.snapshot_removal import prune_snapshots
from tests.support.direct import Direct

Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO note VALUES (1, 'a'), (2, CAST(x'ff' AS TEXT));
"""


@pytest.fixture
def run(direct: Direct, build: Build) -> RunRecord:
    """A run that keeps all there is to keep."""
    write(
        direct,
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.note (old text)",
        "INSERT INTO shop.note VALUES ('o')",
    )
    done = direct.migrate(
        build(SCRIPT), target_schema="shop", if_exists=IfExists.REPLACE, drop_dependents=("column",)
    )
    assert done.phase is Phase.COMPLETED_WITH_FINDINGS, done.error
    return done


def write(direct: Direct, *statements: str) -> None:
    with psycopg.connect(direct.url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def settings_of(direct: Direct) -> Settings:
    return direct.workspace.settings


def purge(direct: Direct, run: RunRecord) -> Purge:
    return purge_run(direct.ledger, settings_of(direct), run.id, person=Person("jane", "desk"))


def kinds(direct: Direct, run: RunRecord) -> dict[LeftoverKind, int]:
    return {found.kind: found.bytes for found in find_kept(direct.ledger, settings_of(direct), run.id)}


def undo(direct: Direct, run: RunRecord, *, force: bool = False) -> None:
    roll_back_run(direct.ledger, run.id, force=force, settings=settings_of(direct))


def test_all_that_is_kept_is_named_with_its_size_and_goes(direct: Direct, run: RunRecord) -> None:
    kept = kinds(direct, run)
    assert set(kept) == {LeftoverKind.PREVIOUS_SCHEMA, LeftoverKind.SNAPSHOT, LeftoverKind.QUARANTINE}
    assert all(size > 0 for size in kept.values())
    done = purge(direct, run)
    assert {found.kind for found in done.gone} == set(kept)
    assert done.stays == ()
    assert kinds(direct, run) == {}
    assert direct.query("SELECT count(*) FROM shop.note") == [(1,)]
    assert find_run(direct.ledger, run.id).phase is Phase.COMPLETED_WITH_FINDINGS


def test_rollback_and_retry_say_who_has_given_it_up(direct: Direct, run: RunRecord) -> None:
    purge(direct, run)
    with pytest.raises(RunPurgedError, match="jane on desk purged it") as caught:
        undo(direct, run, force=True)
    assert caught.value.exit_status == 2
    with pytest.raises(RunPurgedError, match="retried"):
        retry_quarantine(direct.ledger, run.id, settings=settings_of(direct))
    assert purge(direct, run).gone == ()


def test_what_a_rollback_has_kept_aside_stays_until_it_is_purged(direct: Direct, run: RunRecord) -> None:
    write(direct, "INSERT INTO shop.note VALUES (9, 'late')")
    undo(direct, run, force=True)
    assert LeftoverKind.KEPT_SCHEMA in kinds(direct, run)
    list(
        remove_leftovers(
            find_leftovers(leftover_places(direct.ledger, settings_of(direct), with_replaced=True))
        )
    )
    assert LeftoverKind.KEPT_SCHEMA in kinds(direct, run)
    assert LeftoverKind.KEPT_SCHEMA in {found.kind for found in purge(direct, run).gone}
    assert direct.query("SELECT old FROM shop.note") == [("o",)]
    assert direct.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'convoy\\_%'") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE {previous}.mine (a int)",
        "CREATE VIEW public.still AS SELECT * FROM {previous}.note",
        "CREATE INDEX by_old ON {previous}.note (old)",
        "CREATE PUBLICATION theirs FOR TABLE {previous}.note",
        "INSERT INTO {previous}.note VALUES ('of somebody')",
        "GRANT SELECT ON {previous}.note TO PUBLIC",
    ],
)
def test_what_others_have_put_or_hung_there_stands_in_the_way(
    direct: Direct, run: RunRecord, statement: str
) -> None:
    write(direct, statement.format(previous=run.previous_schema))
    with pytest.raises(TargetChangedError, match="nothing was changed"):
        purge(direct, run)
    assert len(kinds(direct, run)) == 3
    write(direct, "DROP PUBLICATION IF EXISTS theirs")
    if "VIEW" not in statement:
        undo(direct, run)


def test_replaced_table_of_another_owner_goes_too(direct: Direct, build: Build) -> None:
    write(
        direct,
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.note (old text)",
        "DROP ROLE IF EXISTS app",
        "CREATE ROLE app",
        "GRANT CREATE ON SCHEMA shop TO app",
        "ALTER TABLE shop.note OWNER TO app",
    )
    run = direct.migrate(
        build(SCRIPT), target_schema="shop", if_exists=IfExists.REPLACE, drop_dependents=("column",)
    )
    purge(direct, run)
    assert kinds(direct, run) == {}
    write(direct, "DROP OWNED BY app CASCADE", "DROP ROLE app")


def test_run_that_may_still_need_it_is_not_purged(direct: Direct, build: Build) -> None:
    run = direct.start(build(SCRIPT), until=Phase.COPYING, target_schema="shop")
    with pytest.raises(RunStateError, match="cancel"):
        purge(direct, run)


def test_snapshot_that_another_run_needs_stays(direct: Direct, run: RunRecord) -> None:
    path = Path(run.options.sources[0].location)
    other = direct.migrate(path, target_schema="twin")
    done = purge(direct, run)
    assert [removal.leftover.kind for removal in done.stays] == [LeftoverKind.SNAPSHOT]
    assert other.id in done.stays[0].in_the_way[0]
    purge(direct, other)
    assert kinds(direct, other) == {}


def test_snapshot_goes_later_where_the_process_died_before(direct: Direct, run: RunRecord) -> None:
    """The target's part is committed; the watchdog does the rest."""
    elsewhere = settings_of(direct).model_copy(update={"snapshot_dir": direct.folder / "none"})
    purge_run(direct.ledger, elsewhere, run.id)
    assert set(kinds(direct, run)) == {LeftoverKind.SNAPSHOT}
    assert prune_snapshots(direct.ledger, settings_of(direct).snapshot_dir, 24) == 1


def test_load_into_an_application_is_purged(direct: Direct, build: Build) -> None:
    write(
        direct,
        "CREATE SCHEMA shop",
        "CREATE TABLE shop.note (id int PRIMARY KEY, body text)",
        "INSERT INTO shop.note VALUES (5, 'before')",
    )
    run = direct.migrate(build(SCRIPT), target_schema="shop", data_only=True, if_exists=IfExists.REPLACE)
    assert LeftoverKind.PREVIOUS_SCHEMA in kinds(direct, run)
    purge(direct, run)
    assert kinds(direct, run) == {}
