"""Whether those who load into tables like Convoy's bring the same values: equal work has an equal result."""

from __future__ import annotations

import psycopg
from psycopg import sql

from bench.contender import Contender, Job

_MOST_ROWS = 2_500_000
"""More take longer to compare than to load."""
_DATABASE = "bench"


class SameValues:
    """Compares each contender's tables with Convoy's, once, and never while something is measured."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._wanted: dict[str, int] | None = None
        self.found: dict[str, bool] = {}
        """By the contender's name; nobody who makes tables of its own is in it."""

    def look_at(self, contender: Contender) -> None:
        """Compare what this contender has just loaded, unless that was done or is too much."""
        rows = sum(rows for _, _, rows in self._job.tables)
        if not contender.fills_typed_tables or contender.name in self.found or rows > _MOST_ROWS:
            return
        if self._wanted is None:
            self._wanted = self._sums(self._job.server.url(_DATABASE))
        self.found[contender.name] = self._sums(self._job.peer_url) == self._wanted

    def _sums(self, url: str) -> dict[str, int]:
        """Return a sum of hashes of rows as text, by table; it does not depend on their order."""
        sums = {}
        with psycopg.connect(url) as connection:
            for _, table, _ in self._job.tables:
                query = sql.SQL(
                    "SELECT coalesce(sum(hashtextextended(whole_row::text, 0)), 0) FROM public.{} AS whole_row"
                )
                found = connection.execute(query.format(sql.Identifier(table))).fetchone()
                sums[table] = int(found[0]) if found else 0
        return sums
