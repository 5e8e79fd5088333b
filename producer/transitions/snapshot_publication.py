"""What a run freezes goes to the stage while it is checked, and is taken back where it is not sound."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from migration.convoy_error import ConvoyError
from migration.errors import RetryableError
from migration.source.snapshots.snapshot_stage import open_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from migration.settings import Settings


def _keep(_copy: Path, _sha256: str) -> None:
    """Publish nothing."""


@contextmanager
def publication(settings: Settings, run_id: str) -> Iterator[Callable[[Path, str], None]]:
    """Yield what puts a copy with this SHA-256 on the stage, if there is one; an error of the block takes it back.

    Raises:
        SettingError: the settings of the stage make no sense.
        StageUnreachableError: the stage does not take it; raised by what is yielded.
    """
    stage = open_stage(settings)
    if stage is None:
        yield _keep
        return
    published: list[str] = []

    def publish(copy: Path, sha256: str) -> None:
        published.append(sha256)
        stage.publish(copy, sha256, run_id)

    try:
        yield publish
    except RetryableError:
        raise  # it is frozen again soon, and lies there already
    except Exception:
        with suppress(ConvoyError):  # what stays has a note of this run, and goes with it
            for sha256 in published:
                stage.forget(sha256, [run_id])
                stage.remove(sha256)
        raise
