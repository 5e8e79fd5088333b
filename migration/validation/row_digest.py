"""Order-independent checksums of rows, equal on both sides exactly if the rows are.

Each row, in canonical form, is hashed to 128 bits; the sum of these over all rows is the digest. A sum does not
depend on the order of the rows, nor on how they are split into chunks and batches, and (unlike XOR) two equal rows
do not cancel out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from migration.model import UNKNOWN_ALGORITHM, Digest
from migration.validation.canonical_form import canonical_table
from migration.validation.digest_form import digest_table
from migration.validation.row_hashing import Algorithm, algorithm_name, sum_rows, sum_rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration.model import ColumnPlan

_LANE: Final = 1 << 64
_LANE_DIGITS: Final = 16
# A call into DuckDB costs about a millisecond, so batches of 1,000 rows are gathered.
_GATHERED_ROWS: Final = 262_144
GATHERED_BYTES: Final = 12 << 20
"""So much of a stream waits to be hashed at once."""


class DigestSum:
    """Adds up the digest of a stream of batches. Memory is bounded by about 12 MB and one batch.

    Args:
        algorithm: `hash128` for a run's own proof, `md5` where a digest is to be compared by others.
    """

    def __init__(self, algorithm: Algorithm | str = Algorithm.HASH128) -> None:
        self.algorithm = Algorithm(algorithm)
        self._rows = 0
        self._high = 0
        self._low = 0
        self._gathered: list[pa.RecordBatch] = []
        self._gathered_rows = 0
        self._gathered_bytes = 0
        self._columns: tuple[ColumnPlan, ...] = ()

    def add(self, batch: pa.RecordBatch, columns: Sequence[ColumnPlan]) -> None:
        """Add the rows of a logical batch, packed or not; `columns` must be the same in every call."""
        if not batch.num_rows:
            return
        self._columns = tuple(columns)
        self._gathered.append(batch)
        self._gathered_rows += batch.num_rows
        self._gathered_bytes += batch.get_total_buffer_size()
        if self._gathered_rows >= _GATHERED_ROWS or self._gathered_bytes >= GATHERED_BYTES:
            self._flush()

    def digest(self) -> Digest:
        """Return the digest of all rows added so far."""
        self._flush()
        return Digest(self._rows, f"{self._high:016x}{self._low:016x}", algorithm_name(self.algorithm))

    def _flush(self) -> None:
        table = self.waiting()
        if table is not None:
            self.add_waiting(sum_rows(table, self.algorithm))

    def waiting(self) -> pa.Table | None:
        """Return the rows that have not been hashed yet, in the form in which they are."""
        if not self._gathered:
            return None
        rows = pa.Table.from_batches(self._gathered)
        # What others compare (md5) is made from what can be read; a digest of our own from what is fast to hash.
        form = canonical_table if self.algorithm is Algorithm.MD5 else digest_table
        return form(rows, self._columns)

    def add_waiting(self, sums: tuple[int, int]) -> None:
        """Add the sums of the hashes of all rows that wait; none waits afterwards."""
        high, low = sums
        self._rows += self._gathered_rows
        self._high = (self._high + high) % _LANE
        self._low = (self._low + low) % _LANE
        self._gathered, self._gathered_rows, self._gathered_bytes = [], 0, 0


def hash_together(digests: Iterable[DigestSum]) -> None:
    """Hash what waits in several digests, those of the same columns by one question; each ends as it would alone."""
    alike: dict[tuple[Algorithm, pa.Schema], list[tuple[DigestSum, pa.Table]]] = {}
    for digest in digests:
        table = digest.waiting()
        if table is not None:
            alike.setdefault((digest.algorithm, table.schema), []).append((digest, table))
    for (algorithm, _), waiting in alike.items():
        sums = sum_rows_of([table for _, table in waiting], algorithm)
        for (digest, _), both in zip(waiting, sums, strict=True):
            digest.add_waiting(both)


def combine(parts: Iterable[Digest]) -> Digest:
    """Return the digest of the whole from those of its parts, in any order; of no parts, that of no rows.

    Parts of different algorithms have rows that add up and no checksum that does: the whole is of an unknown one.
    """
    rows = high = low = 0
    algorithms = set()
    for part in parts:
        rows += part.rows
        if part.rows:
            algorithms.add(part.algorithm)
        high += int(part.checksum[:_LANE_DIGITS], 16)
        low += int(part.checksum[_LANE_DIGITS:], 16)
    return Digest(rows, f"{high % _LANE:016x}{low % _LANE:016x}", _one_of(algorithms))


def difference(whole: Digest, part: Digest) -> Digest:
    """Return the digest of the rows of a whole that are not in a part of it."""
    high, low = (
        int(whole.checksum[lane], 16) - int(part.checksum[lane], 16)
        for lane in (slice(_LANE_DIGITS), slice(_LANE_DIGITS, None))
    )
    algorithms = {one.algorithm for one in (whole, part) if one.rows}
    return Digest(whole.rows - part.rows, f"{high % _LANE:016x}{low % _LANE:016x}", _one_of(algorithms))


def _one_of(algorithms: set[str]) -> str:
    return next(iter(algorithms)) if len(algorithms) == 1 else UNKNOWN_ALGORITHM
