"""Whether a run has ended as it must, and has left nothing behind."""

from __future__ import annotations

import re
from collections.abc import Mapping

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import find_run
from migration.model import Phase
from tests.chaos.matrix.chaos_cluster import ROLE, WORKERS
from tests.chaos.matrix.fault import Ending
from tests.chaos.matrix.scene import AREAS, CHUNK_ROWS, ITEMS, Scene
from tests.support.ledger_consistency import complaints
from tests.support.proof import prove

CHUNKS = (AREAS + ITEMS) // CHUNK_ROWS
_OTHER_END = {
    Ending.CANCELLED: Phase.CANCELLED,
    Ending.NOT_BEGUN: Phase.CANCELLED,
    Ending.REVERSED: Phase.ROLLED_BACK,
}
_REST_SECONDS = 30.0
_SNAPSHOT_FILE = re.compile(r"[0-9a-f]{64}\.(sqlite|needed-by-[0-9a-f-]{36})|\.lock")

# What should be nobody's any more once a run has ended; the watchdog's own look takes a few milliseconds.
_AT_WORK = """
SELECT a.application_name || ': ' || coalesce(l.locktype, a.state) FROM pg_stat_activity a
LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory'
WHERE a.usename = %s AND a.datname = current_database()
  AND (l.pid IS NOT NULL OR a.state LIKE 'idle in transaction%%' OR a.application_name LIKE 'convoy cli%%')
"""


def complaints_about(
    scene: Scene, ending: Ending, before: Mapping[int, tuple[int, object]], tables_before: Mapping[str, int]
) -> list[str]:
    """Return all that is wrong with an ended run; nothing where all is as it must be."""
    ledger = open_ledger(scene.url, "judge")
    try:
        run = find_run(ledger, scene.run_id)
        told = [*scene.complaints, *complaints(ledger, scene.run_id, tables_before)]
        shown = run.phase is Phase.COMPLETED_WITH_FINDINGS
        if shown:
            told += prove(scene.source, scene.cluster.admin_url(scene.database), ledger, run)
            told += _of_chunks(scene, before)
        elif run.phase is not _OTHER_END.get(ending):
            told.append(f"the run has ended as {run.phase}: {run.error}")
    finally:
        ledger.dispose()
    return told + leftovers(scene)


def _of_chunks(scene: Scene, before: Mapping[int, tuple[int, object]]) -> list[str]:
    after = scene.done_chunks()
    told = [] if len(after) == CHUNKS else [f"{len(after)} of {CHUNKS} chunks are done"]
    return told + [
        f"chunk {chunk} was done {was} and was copied again {after.get(chunk)}"
        for chunk, was in before.items()
        if after.get(chunk) != was
    ]


def copied_again(before: Mapping[int, object], after: Mapping[int, object]) -> int:
    """Return how many chunks that were done have been copied once more."""
    return sum(after.get(chunk) != was for chunk, was in before.items())


def leftovers(scene: Scene) -> list[str]:
    """Return which sessions, locks, schemas, processes and files an ended run has left."""
    told = _of_the_rest(scene)
    run = scene.query("SELECT staging_schema, phase FROM convoy.runs WHERE id = %s", scene.run_id)
    ((staging, phase),) = run
    if phase != Phase.FAILED:
        names = scene.query("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", staging)
        told += [f"the schema {name} is left" for (name,) in names]
    told += [f"the file {path.name} is left" for path in scene.temporary.iterdir()]
    folders = [scene.folder / "snapshots", scene.cluster.settings.snapshot_dir]
    told += [
        f"the file {path} is left"
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if not _SNAPSHOT_FILE.fullmatch(path.name)
    ]
    scene.cluster.settle()
    for name in ("producer", *WORKERS):
        expected = 0 if name == "producer" else 1
        found = len(scene.cluster.processes(name)) - 1
        if found > expected:
            told.append(f"{name} has {found} children")
    return told


def _of_the_rest(scene: Scene) -> list[str]:
    """Wait until nobody is at work, as it must come to be soon."""
    held: list[tuple[str, ...]] = []

    def at_rest() -> bool:
        held[:] = scene.query(_AT_WORK, ROLE)
        return not held

    try:
        scene.wait_until(at_rest, "rest", _REST_SECONDS)
    except AssertionError:
        return [f"still held: {held}"]
    return []
