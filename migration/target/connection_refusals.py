"""What a process of a command's own cluster is told where the target refuses it a connection, noted for that command.

Such a process cannot say it in the ledger, which is behind the very connection that it does not get; and the command,
which has its own, would wait without knowing for what. So each process keeps the latest refusal in a file of the
cluster's private folder.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migration.own_cluster import REFUSALS_VARIABLE

if TYPE_CHECKING:
    from migration.convoy_error import ConvoyError

_PREFIX = "refused-"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a process was told: the code of the error, its sentence, the server that said so, and the remedy."""

    code: str
    what: str
    where: str
    remedy: str


def note_refusal(error: ConvoyError) -> None:
    """Keep what a connection was refused with; nothing in a process that belongs to no command's cluster."""
    folder = os.environ.get(REFUSALS_VARIABLE)
    if not folder:
        return
    refusal = Refusal(error.code, error.what, error.where, error.remedy)
    name = f"{_PREFIX}{os.getpid()}"
    draft = Path(folder) / f".{name}-{time.monotonic_ns()}"
    with suppress(OSError):  # the cluster ends, or its disk is full: the error itself goes its way
        draft.write_text(json.dumps(asdict(refusal)), encoding="utf-8")
        draft.replace(draft.with_name(f"{name}.json"))


def latest_refusal(folder: Path, seconds: float) -> Refusal | None:
    """Return the latest refusal of any process; None: none was refused within so many seconds."""
    noted = []
    for file in folder.glob(f"{_PREFIX}*.json"):
        with suppress(OSError):
            noted.append((file.stat().st_mtime, file))
    if not noted or time.time() - max(noted)[0] > seconds:
        return None
    with suppress(OSError, ValueError, TypeError):
        return Refusal(**json.loads(max(noted)[1].read_text(encoding="utf-8")))
    return None
