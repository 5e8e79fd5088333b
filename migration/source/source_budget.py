"""What a source may cost: a file of a few bytes can ask for any amount of time, memory and disk.

Each bound grows with the file, so that a large database is never refused for being large, and has a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from migration.settings import Settings

_BYTES_PER_SECOND: Final = 1 << 20
"""A slow disk and a busy processor read twenty times as much."""
_COMPUTED_TIMES: Final = 4
"""`hex()` doubles a value; a table with several such columns is still no bomb."""
_UNPACKED_TIMES: Final = 100
"""Databases and dumps shrink to a tenth, seldom to a fiftieth; gzip's most is a thousandth, zstd has none."""
_FETCHED_BYTES_PER_SECOND: Final = 16 << 10


@dataclass(frozen=True, slots=True)
class SourceBudget:
    """Bounds for one source; each is that of the setting `MIGRATION_SOURCE_...` of the same name."""

    seconds: int = 60
    """For checking and reading what it declares, for computing, for unpacking; one more for each MiB of the file."""
    memory_bytes: int = 2 << 30
    """Of a process that computes, unpacks or salvages."""
    computed_bytes: int = 64 << 20
    """What columns that are computed when they are read may come to, a small file's; of a larger one, four times it."""
    unpacked_bytes: int = 1 << 30
    """What a small dump or compressed file may become; a larger one, a hundred times its size."""
    fetched_bytes: int = 64 << 30
    """Of a URL."""
    schema_bytes: int = 32 << 20
    """All definitions together."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return what a process's settings allow."""
        return cls(
            settings.source_seconds,
            settings.source_memory_bytes,
            settings.source_computed_bytes,
            settings.source_unpacked_bytes,
            settings.source_fetched_bytes,
            settings.source_schema_bytes,
        )

    def seconds_for(self, file_bytes: int) -> int:
        """Return how long reading a file of this size may take."""
        return self.seconds + file_bytes // _BYTES_PER_SECOND

    def seconds_to_fetch(self, received_bytes: int) -> float:
        """Return how long a download may have taken that has come so far."""
        return self.seconds + received_bytes / _FETCHED_BYTES_PER_SECOND

    def computed_for(self, file_bytes: int) -> int:
        """Return what the computed columns of a file of this size may come to, in bytes."""
        return max(self.computed_bytes, _COMPUTED_TIMES * file_bytes)

    def unpacked_for(self, given_bytes: int) -> int:
        """Return what a dump or compressed file of this size may become, in bytes."""
        return max(self.unpacked_bytes, _UNPACKED_TIMES * given_bytes)
