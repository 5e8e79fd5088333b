"""Digests of loaded rows by the algorithm of this process, where the ledger has them by another.

DuckDB's hash may change with its version, and the form of rows with Convoy's. A run that was begun before has digests
that say nothing beside those of today; its snapshot is there, so they are computed anew from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.chunk_records import read_chunk
from migration.ledger.digest_records import renew_chunk_digest
from migration.ledger.quarantine_records import loaded_chunks
from migration.steps.converted_source import converted_rows
from migration.validation.row_digest import DigestSum
from migration.validation.row_hashing import algorithm_name
from migration.validation.server_opinion import ServerOpinion
from migration.version_errors import DigestAlgorithmError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.quarantine_records import HeldChunk
    from migration.model import Digest
    from migration.source.snapshots.snapshot_access import SnapshotAccess
    from migration.steps.step_context import PlannedTable


def renew_digests(connection: Connection, table: PlannedTable, snapshots: SnapshotAccess) -> None:
    """Let the ledger have the digests of all loaded rows of a table by the algorithm of this process.

    Args:
        connection: its transaction holds the new digests.
        table: of a run whose chunks are all loaded.
        snapshots: where the source's is read from.

    Raises:
        DigestAlgorithmError: a chunk has other rows than its plan gives: the server has refused some, or rows of its
            quarantine came in later. Nothing was changed.
        SnapshotLostError: the snapshot is not on this host, and cannot be fetched.
    """
    for chunk in loaded_chunks(connection, table.id):
        if chunk.loaded.algorithm != algorithm_name():
            renew_chunk_digest(connection, chunk.id, _digest_of(connection, table, chunk, snapshots))


def _digest_of(
    connection: Connection, table: PlannedTable, chunk: HeldChunk, snapshots: SnapshotAccess
) -> Digest:
    record = read_chunk(connection, chunk.id)
    total = DigestSum()
    asked = ServerOpinion(connection.engine)
    for batch in converted_rows(table, record.orphans, snapshots, asked, record.key_range):
        total.add(batch, table.plan.copied_columns)
    found = total.digest()
    if found.rows != chunk.loaded.rows:
        raise DigestAlgorithmError(
            f"The digest of {chunk.loaded.rows} loaded rows is by {chunk.loaded.algorithm or 'an earlier version'},"
            f" and cannot be computed by {found.algorithm}: the plan gives {found.rows} rows",
            run=table.run.id,
            table=table.plan.name,
            chunk=record.position,
            remedy="Nothing was changed; start the migration again, or go on with the version that began it",
        )
    return found
