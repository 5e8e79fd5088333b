"""How a random database is migrated: what a user might have asked for, by the number of the database."""

from __future__ import annotations

import random
from typing import Any

from migration.mapping_file_model import OnOrphan
from migration.model import IdentifierPolicy

ZONES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"),
    "Australia/Lord_Howe",  # summer time is half an hour
    "Pacific/Apia",  # had no 30 December 2011
)
_CHUNK_ROWS = (None, 1, 3)


def options_for(number: int) -> dict[str, Any]:
    """Return fields of RunOptions; the same for the same number, so that one database can be tried again."""
    dice = random.Random(number)  # noqa: S311 - no secret
    return {
        "identifiers": tuple(IdentifierPolicy)[number % 3],
        "chunk_rows": _CHUNK_ROWS[number // 3 % 3],
        "batch_rows": 2 if number % 5 == 0 else 1_000,
        "source_timezone": dice.choice(ZONES),
        "on_orphan": OnOrphan.QUARANTINE if number % 4 == 3 else OnOrphan.NOT_VALID,
    }
