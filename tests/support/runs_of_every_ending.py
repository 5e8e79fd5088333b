"""Real runs in every mode, one for each way in which it can end or stand: what a page says of them is looked at."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from migration.ledger.run_requests import request_cancel
from migration.model import Mode, OnError, Phase
from migration.steps.run_rollback import roll_back_run
from tests.support.direct import Direct, quiet_steps

_WAY: Final = (
    Phase.PENDING,
    Phase.SNAPSHOTTING,
    Phase.PROFILING,
    Phase.COPYING,
    Phase.INDEXING,
    Phase.VALIDATING,
    Phase.CUTTING_OVER,
)
RunsByName = Mapping[str, str]
"""Ids by name: the mode, and how the run has ended or where it stands, such as `validate cancelled`."""

ROWS = 60
SPOILED = 5
"""So many rows of the spoiled source's table `note` cannot be stored."""


def make_sources(folder: Path) -> tuple[Path, Path]:
    """Write a sound source, and one with rows that PostgreSQL cannot store."""
    sound, spoiled = folder / "sound.db", folder / "spoiled.db"
    for path in (sound, spoiled):
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT)")
            connection.execute("CREATE TABLE tag (id INTEGER PRIMARY KEY, words TEXT)")
            rows = [(key, f"words {key}") for key in range(1, ROWS + 1)]
            connection.executemany("INSERT INTO note VALUES (?, ?)", rows)
            connection.executemany("INSERT INTO tag VALUES (?, ?)", rows)
            if path is spoiled:
                connection.execute(f"UPDATE note SET words = CAST(x'636166e9' AS TEXT) WHERE id <= {SPOILED}")
            connection.commit()
    return sound, spoiled


def make_runs(direct: Direct, folder: Path) -> RunsByName:
    """Make a run for each mode and each ending that it has, and one for each phase that a run stands in."""
    sound, spoiled = make_sources(folder)
    made: dict[str, str] = {}
    with quiet_steps():
        _migrations(direct, sound, spoiled, made)
        _dry_runs(direct, sound, spoiled, made)
        _comparisons(direct, sound, spoiled, made)
    return made


def _stopped(direct: Direct, path: Path, mode: Mode, until: Phase, made: dict[str, str]) -> None:
    """One that stands in a phase, and one that was cancelled there."""
    for name in (str(until), f"cancelled in {until}"):
        run = direct.start(path, until=until, mode=mode, target_schema=f"s{len(made)}")
        assert run.phase is until, (mode, until, run.phase, run.error)
        if name.startswith("cancelled"):
            request_cancel(direct.ledger, run.id)
        made[f"{mode} {name}"] = run.id


def _migrations(direct: Direct, sound: Path, spoiled: Path, made: dict[str, str]) -> None:
    def migrate(ending: Phase, path: Path, name: str = "", **options: Any) -> str:
        run = direct.migrate(path, target_schema=f"s{len(made)}", **options)
        assert run.phase is ending, (ending, run.phase, run.error)
        made[f"migrate {name or ending}"] = run.id
        return run.id

    migrate(Phase.COMPLETED, sound)
    migrate(Phase.COMPLETED_WITH_FINDINGS, spoiled)
    migrate(Phase.READY, spoiled, hold=True)
    migrate(Phase.FAILED, spoiled, on_error=OnError.ABORT)
    given_up = migrate(Phase.FAILED, spoiled, "given up", on_error=OnError.ABORT)
    request_cancel(direct.ledger, given_up)
    held = migrate(Phase.READY, spoiled, "cancelled while held", hold=True)
    request_cancel(direct.ledger, held)
    back = migrate(Phase.COMPLETED_WITH_FINDINGS, spoiled, "rolled_back")
    roll_back_run(direct.ledger, back)
    migrate(Phase.FAILED, sound.with_name("gone.db"), "failed at once")
    for phase in _WAY:
        _stopped(direct, spoiled, Mode.MIGRATE, phase, made)


def _dry_runs(direct: Direct, sound: Path, spoiled: Path, made: dict[str, str]) -> None:
    endings: tuple[tuple[Phase, Path, dict[str, Any]], ...] = (
        (Phase.COMPLETED, sound, {}),
        (Phase.COMPLETED_WITH_FINDINGS, spoiled, {}),
        (Phase.FAILED, spoiled, {"on_error": OnError.ABORT}),
    )
    for ending, path, options in endings:
        run = direct.migrate(path, target_schema=f"s{len(made)}", mode=Mode.DRY_RUN, **options)
        assert run.phase is ending, (ending, run.phase, run.error)
        made[f"dry-run {ending}"] = run.id
    for phase in (Phase.PENDING, Phase.SNAPSHOTTING, Phase.PROFILING, Phase.COPYING):
        _stopped(direct, spoiled, Mode.DRY_RUN, phase, made)


def _comparisons(direct: Direct, sound: Path, spoiled: Path, made: dict[str, str]) -> None:
    base = direct.migrate(sound, target_schema="stands")
    assert base.phase is Phase.COMPLETED
    for ending, path in (
        (Phase.COMPLETED, sound),
        (Phase.COMPLETED_WITH_FINDINGS, spoiled),
        (Phase.FAILED, sound.with_name("gone.db")),
    ):
        run = direct.migrate(path, mode=Mode.VALIDATE, target_schema="stands")
        assert run.phase is ending, (ending, run.phase, run.error)
        made[f"validate {ending}"] = run.id
    for phase in (Phase.PENDING, Phase.SNAPSHOTTING, Phase.VALIDATING):
        _stopped(direct, sound, Mode.VALIDATE, phase, made)
