"""What came of a run, as the ledger knows it: verdicts, findings, objects and what was counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, func, insert, select, update

from migration.finding_kinds import counting_kinds
from migration.ledger.digest_records import NO_CHECKSUM, named_algorithm, stored_digest
from migration.ledger.ledger_tables import (
    chunks,
    findings,
    objects,
    tables,
    transforms,
)
from migration.ledger.record_sets import insert_set, update_set
from migration.ledger.work_totals import add_to_totals
from migration.model import (
    Digest,
    Finding,
    ObjectResult,
)


def save_verdict(connection: Connection, table_id: int, source: Digest, target: Digest) -> None:
    """Store both digests of a table."""
    save_verdicts(connection, {table_id: (source, target)})


def save_verdicts(connection: Connection, verdicts: Mapping[int, tuple[Digest, Digest]]) -> None:
    """Store the digests of both sides of tables, by their ids in the ledger.

    Raises:
        InternalError: the two of a table cannot be compared.
    """
    update_set(
        connection,
        tables,
        [
            {
                "id": table_id,
                "rows_target": target.rows,
                "digest_source": source.checksum,
                "digest_target": target.checksum,
                "digest_algorithm": named_algorithm(source if source.rows else target),
                "equal": source == target,
            }
            for table_id, (source, target) in verdicts.items()
        ],
    )


def save_changed_rows(connection: Connection, table_id: int, source: Digest, target: Digest) -> None:
    """Store the digests of a table of which both sides have the same rows more, or less, than when it was compared.

    Where they are of different algorithms, which an earlier version has left, the verdict on all others stays as it is
    and no digest speaks of the table any more.
    """
    if source.is_comparable_with(target):
        save_verdict(connection, table_id, source, target)
        return
    connection.execute(
        update(tables)
        .where(tables.c.id == table_id)
        .values(rows_target=target.rows, digest_source=None, digest_target=None, digest_algorithm=None)
    )


def save_difference(connection: Connection, table_id: int) -> None:
    """Note that a table differs in what no digest of the run speaks of."""
    connection.execute(update(tables).where(tables.c.id == table_id).values(equal=False))


def is_different(connection: Connection, table_id: int) -> bool:
    """Tell whether a table was found to differ."""
    equal = connection.execute(select(tables.c.equal).where(tables.c.id == table_id)).scalar_one()
    return equal is False


def read_digests(connection: Connection, table_id: int) -> Digest | None:
    """Return what was found when a table was read back; None where it was not."""
    row = connection.execute(
        select(tables.c.rows_target, tables.c.digest_target, tables.c.digest_algorithm).where(
            tables.c.id == table_id
        )
    ).one()
    if row.rows_target is None:
        return None
    return stored_digest(row.rows_target, row.digest_target or NO_CHECKSUM, row.digest_algorithm)


def save_comparison(
    connection: Connection,
    table_id: int,
    *,
    rows_source: int,
    rows_target: int | None,
    digest_source: Digest | None,
    digest_target: Digest | None,
    equal: bool | None,
    schema_checked: int | None = None,
) -> None:
    """Store the verdict of a comparison that copied nothing."""
    connection.execute(
        update(tables)
        .where(tables.c.id == table_id)
        .values(
            rows=rows_source,
            rows_target=rows_target,
            digest_source=digest_source.checksum if digest_source else None,
            digest_target=digest_target.checksum if digest_target else None,
            digest_algorithm=named_algorithm(digest_source) if digest_source else None,
            equal=equal,
            schema_checked=schema_checked,
        )
    )


def save_schema_checked(connection: Connection, checked: Mapping[int, int]) -> None:
    """Store how much of the schema of tables was compared, by their ids in the ledger."""
    records = [{"id": table_id, "schema_checked": number} for table_id, number in checked.items()]
    update_set(connection, tables, records)


def add_findings(connection: Connection, run_id: str, found: Iterable[Finding]) -> None:
    """Append findings to a run."""
    records = [
        {
            "run_id": run_id,
            "kind": finding.kind.value,
            "table": finding.table,
            "column": finding.column,
            "key": finding.key,
            "message": finding.message,
            "is_error": finding.is_error,
            "loss": finding.loss,
            "accepted_by": finding.accepted_by or None,
            "source": finding.source,
        }
        for finding in found
    ]
    if records:
        connection.execute(insert(findings), records)
        kinds = Counter(str(record["kind"]) for record in records)
        add_to_totals(connection, {("findings", kind): number for kind, number in kinds.items()})


def save_objects(connection: Connection, run_id: str, results: Iterable[ObjectResult]) -> None:
    """Store what became of schema objects; a later word about the same object replaces the earlier one."""
    records = {
        (result.kind, result.owner, result.name): {
            "run_id": run_id,
            "kind": result.kind,
            "name": result.name,
            "state": result.state.value,
            "reason": result.reason,
            "owner": result.owner,
        }
        for result in results
    }
    insert_set(
        connection,
        objects,
        list(records.values()),
        on_conflict_sql="ON CONFLICT (run_id, kind, owner, name)"
        " DO UPDATE SET state = excluded.state, reason = excluded.reason",
    )


def count_quarantined(connection: Connection, run_id: str) -> int:
    """Return how many rows of a run are in quarantine."""
    statement = select(func.coalesce(func.sum(chunks.c.rows_quarantined), 0)).where(chunks.c.run_id == run_id)
    return int(connection.execute(statement).scalar_one())


def count_findings(connection: Connection, run_id: str, *, ignored: Collection[str] | None = None) -> int:
    """Return how many findings a run has that nobody has signed for.

    With `ignored`, only those that make the exit status 1 although it names kinds.
    """
    statement = select(func.count()).where(findings.c.run_id == run_id, findings.c.accepted_by.is_(None))
    if ignored is not None:
        statement = statement.where(findings.c.kind.in_(counting_kinds(ignored)))
    return int(connection.execute(statement).scalar_one())


def read_transform_totals(connection: Connection, run_id: str) -> dict[tuple[int, str, str], int]:
    """Return (table id, column, transform) → values changed."""
    statement = (
        select(
            chunks.c.table_id, transforms.c.column, transforms.c.transform, func.sum(transforms.c["values"])
        )
        .join(chunks, chunks.c.id == transforms.c.chunk_id)
        .where(chunks.c.run_id == run_id)
        .group_by(chunks.c.table_id, transforms.c.column, transforms.c.transform)
    )
    return {(row[0], row[1], row[2]): int(row[3]) for row in connection.execute(statement)}
