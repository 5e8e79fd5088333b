"""Digests in the ledger: never without the name of the algorithm that they were computed by."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Row, select, update

from migration.ledger.ledger_tables import chunks
from migration.model import UNKNOWN_ALGORITHM, Digest

NO_CHECKSUM: Final = "0" * 32


def stored_digest(rows: int, checksum: str, algorithm: str | None) -> Digest:
    """Return a digest from its columns; a ledger of an earlier version does not name the algorithm."""
    return Digest(rows, checksum, algorithm or UNKNOWN_ALGORITHM)


def named_algorithm(digest: Digest) -> str | None:
    """Return what a ledger's column `digest_algorithm` holds."""
    return digest.algorithm or None


def chunk_digest(row: Row[*tuple[object, ...]]) -> Digest:
    """Return the digest in a row of `chunks` that has `rows_loaded`, `digest` and `digest_algorithm`."""
    return stored_digest(row.rows_loaded, row.digest, row.digest_algorithm)


def renew_chunk_digest(connection: Connection, chunk_id: int, digest: Digest) -> None:
    """Write down the digest of a chunk's loaded rows by another algorithm; its rows are as many as before."""
    connection.execute(
        update(chunks)
        .where(chunks.c.id == chunk_id, chunks.c.rows_loaded == digest.rows)
        .values(digest=digest.checksum, digest_algorithm=named_algorithm(digest))
    )


def digest_algorithms(connection: Connection, run_id: str) -> list[str]:
    """Return the names of the algorithms by which the loaded rows of a run were digested, where they are known."""
    statement = (
        select(chunks.c.digest_algorithm)
        .where(chunks.c.run_id == run_id, chunks.c.rows_loaded > 0)
        .distinct()
        .order_by(chunks.c.digest_algorithm)
    )
    return list(connection.execute(statement.where(chunks.c.digest_algorithm.is_not(None))).scalars())
