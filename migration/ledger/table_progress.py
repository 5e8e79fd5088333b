"""How far the tables of a run are: all of them, none, or those that have changed since a version of the whole.

A version is PostgreSQL's own snapshot: a row whose writer it does not see was written later, also by a transaction that
had begun before and was committed after. A clock could not tell.
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, Self

from sqlalchemy import Connection, Row, text

from migration.model import StepState

MAX_VERSION_CHARS: Final = 16_384
"""A snapshot names every transaction that is open: as many as the server has connections."""


class TableScope(StrEnum):
    """Which tables an answer holds."""

    ALL = "all"
    CHANGED = "changed"  # since the version that was asked for
    NONE = "none"


@dataclass(frozen=True, slots=True)
class TableProgress:
    """One table; rows and bytes are those of the copy. `state` is pending, running, done or failed.

    `rows_done` are those that were loaded: what was kept apart counts as `rows_quarantined`, and for no other.
    `rows_target` were read in the target, and `equal` is what came of the comparison; None: it was not compared. A run
    that does nothing but compare has no chunks: there, a table is done once it is compared.
    """

    source: str
    name: str
    rows_total: int
    rows_done: int
    bytes_total: int
    bytes_done: int
    state: str
    rows_quarantined: int = 0
    rows_target: int | None = None
    equal: bool | None = None


@dataclass(frozen=True, slots=True)
class TableTotals:
    """Sums over all tables of a run."""

    tables: int
    rows_total: int
    rows_done: int
    rows_quarantined: int
    bytes_total: int
    bytes_done: int
    chunks_total: int
    chunks_done: int


@dataclass(frozen=True, slots=True)
class TableVersion:
    """A moment of the tables of a run: which there were (as a fingerprint), and what could be seen of them."""

    tables: str
    snapshot: str

    @property
    def token(self) -> str:
        """Return it as text that goes into a URL."""
        return urlsafe_b64encode(f"{self.tables}/{self.snapshot}".encode()).decode().rstrip("=")

    @property
    def next_transaction(self) -> int:
        """Return the first transaction that had not begun."""
        return int(self.snapshot.split(":")[1])

    @classmethod
    def parse(cls, token: str) -> Self | None:
        """Return what a token stands for; None where it is none, so that nothing is known of what its holder has."""
        try:
            tables, _, snapshot = (
                urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii").partition("/")
            )
        except ValueError:
            return None
        if not _FINGERPRINT.fullmatch(tables) or not _is_snapshot(snapshot):
            return None
        return cls(tables, snapshot)


_FINGERPRINT: Final = re.compile(r"[0-9]{1,19}\.[0-9]{1,40}")
_SNAPSHOT: Final = re.compile(r"([0-9]{1,19}):([0-9]{1,19}):((?:[0-9]{1,19}(?:,[0-9]{1,19})*)?)")
_BIGINT: Final = 2**63


def _is_snapshot(written: str) -> bool:
    """Tell whether PostgreSQL reads it as a pg_snapshot: xmin, xmax and the open ones between, in their order."""
    found = _SNAPSHOT.fullmatch(written)
    if found is None:
        return False
    first, last = int(found[1]), int(found[2])
    between = [int(number) for number in found[3].split(",") if number]
    in_order = all(a < b for a, b in pairwise(between))
    return 0 < first <= last < _BIGINT and in_order and all(first <= number < last for number in between)


_VERSION: Final = text(
    """
    SELECT pg_catalog.pg_current_snapshot()::text AS snapshot, count(*) || '.' || coalesce(sum(id), 0) AS tables
    FROM convoy.tables WHERE run_id = :run_id
    """
)
_TOTALS: Final = text(
    """
    SELECT t.tables, t.rows_total, c.* FROM
        (SELECT count(*) AS tables, coalesce(sum(rows), 0)::bigint AS rows_total
         FROM convoy.tables WHERE run_id = :run_id) t,
        (SELECT coalesce(sum(rows_loaded) FILTER (WHERE state = 'done'), 0)::bigint AS rows_done,
                coalesce(sum(rows_quarantined), 0)::bigint AS rows_quarantined,
                coalesce(sum(bytes), 0)::bigint AS bytes_total,
                coalesce(sum(bytes) FILTER (WHERE state = 'done'), 0)::bigint AS bytes_done,
                count(*) AS chunks_total, count(*) FILTER (WHERE state = 'done') AS chunks_done
         FROM convoy.chunks WHERE run_id = :run_id) c
    """
)
# A row's xmin has 32 of the 64 bits; the others are those of the next transaction, or one less.
_NOT_SEEN: Final = """NOT pg_catalog.pg_visible_in_snapshot(
    (clock.next - ((clock.next - {row}.xmin::text::bigint) & 4294967295))::text::xid8, CAST(:since AS pg_snapshot))"""
_CHANGED: Final = f"""
WITH clock AS (
    SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint AS next
), changed AS (
    SELECT t.id FROM convoy.tables t, clock WHERE t.run_id = :run_id AND {_NOT_SEEN.format(row="t")}
    UNION
    SELECT c.table_id FROM convoy.chunks c, clock WHERE c.run_id = :run_id AND {_NOT_SEEN.format(row="c")}
)"""
_TABLES: Final = """
SELECT s.label AS source, t.name, t.rows AS rows_total, c.rows_done, coalesce(c.bytes_total, 0) AS bytes_total,
       coalesce(c.bytes_done, 0) AS bytes_done, coalesce(c.rows_quarantined, 0) AS rows_quarantined,
       coalesce(c.state, CASE WHEN t.equal IS NULL THEN 'pending' ELSE 'done' END) AS state, t.rows_target, t.equal
FROM convoy.tables t
JOIN convoy.sources s ON s.id = t.source_id
LEFT JOIN (
    SELECT table_id, coalesce(sum(rows_loaded) FILTER (WHERE state = 'done'), 0)::bigint AS rows_done,
           sum(bytes)::bigint AS bytes_total,
           coalesce(sum(bytes) FILTER (WHERE state = 'done'), 0)::bigint AS bytes_done,
           coalesce(sum(rows_quarantined), 0)::bigint AS rows_quarantined,
           CASE WHEN bool_and(state = 'done') THEN 'done'
                WHEN bool_or(state = 'failed') THEN 'failed'
                WHEN bool_or(state IN ('running', 'done')) THEN 'running'
                ELSE 'pending' END AS state
    FROM convoy.chunks WHERE run_id = :run_id {only_chunks} GROUP BY table_id
) c ON c.table_id = t.id
WHERE t.run_id = :run_id {only_tables}
ORDER BY t.source_id, t.id
"""
_ALL_TABLES: Final = text(_TABLES.format(only_chunks="", only_tables=""))
_CHANGED_TABLES: Final = text(
    _CHANGED
    + _TABLES.format(
        only_chunks="AND table_id IN (SELECT id FROM changed)",
        only_tables="AND t.id IN (SELECT id FROM changed)",
    )
)


def read_version(connection: Connection, run_id: str) -> TableVersion:
    """Return the version of what is read after it: what is committed meanwhile comes once more with the next one."""
    row = connection.execute(_VERSION, {"run_id": run_id}).one()
    return TableVersion(row.tables, row.snapshot)


def read_totals(connection: Connection, run_id: str) -> TableTotals:
    """Return the sums over the tables of a run."""
    return TableTotals(**connection.execute(_TOTALS, {"run_id": run_id}).one()._asdict())


def read_all_tables(connection: Connection, run_id: str) -> tuple[TableProgress, ...]:
    """Return all tables of a run, by source and in their order there."""
    return tuple(_table(row) for row in connection.execute(_ALL_TABLES, {"run_id": run_id}))


def read_changed_tables(
    connection: Connection, run_id: str, since: TableVersion, now: TableVersion
) -> tuple[TableProgress, ...] | None:
    """Return the tables that have changed since a version; None: it is of other tables, so that all count."""
    if since.tables != now.tables:
        return None
    if since.next_transaction > now.next_transaction:
        return None  # of another server, or of this one before it was restored; PostgreSQL would not even read it
    values = {"run_id": run_id, "since": since.snapshot}
    return tuple(_table(row) for row in connection.execute(_CHANGED_TABLES, values))


def _table(row: Row[Any]) -> TableProgress:
    values = row._asdict()
    return TableProgress(
        **{**values, "rows_done": values["rows_done"] or 0, "state": StepState(row.state).value}
    )
