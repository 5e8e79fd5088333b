"""How large the chunks of a table are: by its bytes and the number of workers, or as the user asks."""

from __future__ import annotations

import math
import sqlite3

from migration.run_options import RunOptions
from migration.source.row_reading.chunk_splitting import Split, average_row_bytes, split_table, taper
from migration.source_schema import SourceTable

SMALLEST_CHUNK_BYTES = 4 * 1024 * 1024


LARGEST_CHUNK_BYTES = 64 * 1024 * 1024


CHUNKS_FOR_EACH_WORKER = 8
"""So many that a slow one at the end costs little, so few that a chunk outweighs its bookkeeping."""


_FEWEST_FOR_EACH_WORKER = 3
_BYTES_OF_A_SQUARE = 5 * 1024 * 1024 // 2
"""A worker's share of so many bytes, times the square of a number, is best cut into that number of chunks.

More of them cost their bookkeeping and the wait for the next message, 5 ms each and in all as many times; fewer of them
cost a wait for whoever has the last one, which is as long as a chunk: least in all where both grow with the root.
"""


_NEARLY = 0.95
"""Chunks of a size that differs by less than this are one size: to step through the key again would cost more."""


_PARTS_OF_LAST_CHUNKS = 4
"""What a worker waits for the others at the end of a phase is a part of a chunk, rather than a chunk."""


def automatic_chunk_bytes(source_bytes: int, workers: int) -> int:
    """Return how large the chunks of a source are for so many workers, at least 1."""
    share = source_bytes // workers
    best = math.isqrt(share // _BYTES_OF_A_SQUARE)
    chunk_bytes = share // max(_FEWEST_FOR_EACH_WORKER, min(CHUNKS_FOR_EACH_WORKER, best))
    return max(SMALLEST_CHUNK_BYTES, min(LARGEST_CHUNK_BYTES, chunk_bytes))


def split_into_chunks(
    opened: sqlite3.Connection, table: SourceTable, source_bytes: int, options: RunOptions
) -> list[Split]:
    """Split a table into chunks of `options.chunk_rows`, or of a size that keeps all workers busy to the end."""
    if options.chunk_rows:
        return split_table(opened, table, options.chunk_rows)
    workers = max(1, options.workers)
    chunk_bytes = automatic_chunk_bytes(source_bytes, workers)
    rows = max(1, chunk_bytes // max(1, average_row_bytes(opened, table)))
    parts = split_table(opened, table, rows)
    if 1 < len(parts) <= CHUNKS_FOR_EACH_WORKER * workers:
        # So few that a larger one for some of the workers is a wait for all others: each gets as many, of one size.
        even = -(-sum(part.rows for part in parts) // (-(-len(parts) // workers) * workers))
        return parts if even > _NEARLY * rows else split_table(opened, table, even)
    if chunk_bytes < _PARTS_OF_LAST_CHUNKS * SMALLEST_CHUNK_BYTES:
        return parts
    smaller = -(-rows // _PARTS_OF_LAST_CHUNKS)
    return taper(opened, table, parts, last=workers + 1, chunk_rows=smaller)  # the very last is a remainder
