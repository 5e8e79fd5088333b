"""Snapshots on the stage, from which hosts that share no disk get theirs: who needs them, and their removal.

A run leaves its note there before its snapshot, so a snapshot without one belongs to no run that begins.
"""

from __future__ import annotations

from sqlalchemy import Engine

from migration.ledger.snapshot_uses import read_uses
from migration.settings import Settings
from migration.source.snapshots.snapshot_retention import Judgement, judge
from migration.source.snapshots.snapshot_stage import SnapshotStage, open_stage
from migration.steps.leftovers.leftover_record import Leftover, LeftoverKind
from migration.steps.leftovers.leftover_snapshots import judgement_words


class LeftoverStageObjects:
    """The stage that the settings name, if they name one; other ledgers may share it."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings

    def find(self) -> list[Leftover]:
        """Return every snapshot that is there.

        Raises:
            SettingError: the settings of the stage make no sense.
            StageUnreachableError: it does not answer.
        """
        stage = open_stage(self._settings)
        if stage is None:
            return []
        found = []
        for sha256, judgement in self._judged(stage).items():
            is_needed, reason = judgement_words(judgement, self._settings.snapshot_retention_hours)
            found.append(
                Leftover(
                    LeftoverKind.STAGE_OBJECT,
                    stage.locate(sha256),
                    stage.size(sha256) or 0,
                    is_needed,
                    reason,
                )
            )
        return found

    def remove(self, leftover: Leftover) -> list[str]:
        """Remove a snapshot from the stage, unless a run needs it by now.

        Raises:
            StageUnreachableError: the stage does not answer.
        """
        stage = open_stage(self._settings)
        if stage is None:
            return []
        for sha256, judgement in self._judged(stage).items():
            if stage.locate(sha256) != leftover.name:
                continue
            is_needed, reason = judgement_words(judgement, self._settings.snapshot_retention_hours)
            if is_needed:
                return [f"it is needed by now: {reason}"]
            stage.forget(sha256, judgement.over)
            if not stage.remove(sha256):
                return ["a run has left a note at it by now"]
        return []

    def _judged(self, stage: SnapshotStage) -> dict[str, Judgement]:
        on_stage = stage.list_snapshots()
        noted = {run_id for run_ids in on_stage.values() for run_id in run_ids}
        with self._engine.connect() as connection:
            uses, users = read_uses(connection, on_stage, noted)
        seconds = self._settings.snapshot_retention_hours * 3600
        return {
            sha256: judge(notes, users.get(sha256, ()), uses, seconds) for sha256, notes in on_stage.items()
        }
