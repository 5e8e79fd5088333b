"""What a run has lost, as findings, signed for where somebody has: values, and objects that did not come along."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from migration.ledger.ledger_tables import findings, objects, quarantine, steps
from migration.ledger.run_results import add_findings, read_transform_totals
from migration.ledger.table_records import read_sources, read_tables
from migration.mapping_file.loss_signatures import loss_findings, signed, skipped_finding
from migration.model import FindingKind, ObjectState, Phase
from migration.schema_translation.table_selection import left_out_on_request
from migration.steps.run_schema_names import owner_name
from migration.value_conversion.batch_conversion import LOST_NAMED
from migration.value_conversion.named_losses import LOSSES, TARGET_ROW_KEPT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.table_records import TableRecord
    from migration.mapping_file_model import ColumnOverride


def rewrite_losses(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> None:
    """Write these findings anew: rows that were counted have gone to the quarantine since."""
    connection.execute(
        delete(findings).where(
            findings.c.run_id == run.id,
            findings.c.kind == FindingKind.LOSSY_VALUE.value,
            findings.c.loss != TARGET_ROW_KEPT,
        )
    )
    add_losses(connection, run, tables, _keys_held(connection, run))


def add_losses(
    connection: Connection,
    run: RunRecord,
    tables: list[TableRecord],
    held: Mapping[int, Collection[str]] = MappingProxyType({}),
) -> None:
    """Write a finding for each column and loss that copying has counted.

    Args:
        connection: of the ledger.
        run: whose findings these are.
        tables: of the run.
        held: id of a table → keys of rows that have gone to the quarantine since, as reports show them.
    """
    labels = _labels(connection, run)
    names = {table.id: (labels[table.source_id], table.name) for table in tables}
    asked = _asked(connection, run, tables)
    keys = _keys_named(connection, run, held)
    losses: dict[int, list[tuple[str, str, int, list[str]]]] = {}
    for (table_id, column, loss), count in sorted(read_transform_totals(connection, run.id).items()):
        if loss in LOSSES:
            named = keys.get((table_id, column, loss), [])
            losses.setdefault(table_id, []).append((column, loss, count, named))
    for table_id, found in losses.items():
        add_findings(
            connection,
            run.id,
            loss_findings(*names[table_id], found, run.options, asked.get(table_id, {})),
        )


def add_skipped(connection: Connection, run: RunRecord) -> None:
    """Write a finding for each object that did not come along and that nobody has asked to leave out.

    Those that could be planned and not built have theirs already, which says what the server has said. Objects of one
    name may stand in several sources: it is of the same one.
    """
    told = list(
        connection.execute(
            select(findings.c.source, findings.c.loss, findings.c.message).where(
                findings.c.run_id == run.id, findings.c.loss.startswith("skipped:")
            )
        ).all()
    )
    owners = _Owners(connection, run)
    skipped = connection.execute(
        select(objects.c.kind, objects.c.name, objects.c.owner, objects.c.reason)
        .where(objects.c.run_id == run.id, objects.c.state == ObjectState.SKIPPED.value)
        .order_by(objects.c.id)
    ).all()
    found = [
        skipped_finding(row.kind, row.name, table, row.reason).of(source)
        for row in skipped
        for source, table in [owners.of(row.kind, row.owner, row.name)]
        if not left_out_on_request(row.kind, row.reason)
        and not any(
            (of, loss) == (source, f"skipped:{row.kind}") and message.startswith(f"{row.kind} {row.name} ")
            for of, loss, message in told
        )
    ]
    add_findings(connection, run.id, [signed(finding, run.options) for finding in found])


class _Owners:
    """To which source and table the report's lines about objects belong: a line has the one or the other as owner."""

    def __init__(self, connection: Connection, run: RunRecord) -> None:
        self._labels = set(_labels(connection, run).values())
        self._planned: set[tuple[str, str, str]] = set()
        self._tables: dict[str, tuple[str, str]] = {}
        for plan in [table.plan for table in read_tables(connection, run.id) if table.plan is not None]:
            owner = owner_name(run, plan.target_schema, plan.target_name)
            self._tables[owner] = (plan.source_label, plan.target_name)
            self._planned |= {(item.kind, owner, item.name) for item in plan.objects}

    def of(self, kind: str, owner: str, name: str) -> tuple[str, str]:
        """Return the source and the table of an object; in place of the latter the label of what is a source's own."""
        if len(self._labels) == 1:
            return next(iter(self._labels)), owner
        is_of_source = owner in self._labels and (kind, owner, name) not in self._planned
        return (owner, owner) if is_of_source else self._tables.get(owner, ("", owner))


def _labels(connection: Connection, run: RunRecord) -> dict[int, str]:
    return {source.id: source.label for source in read_sources(connection, run.id)}


def _asked(
    connection: Connection, run: RunRecord, tables: list[TableRecord]
) -> dict[int, dict[str, ColumnOverride | None]]:
    return {
        table.id: {column.name: column.override for column in declared.columns}
        for source in read_sources(connection, run.id)
        for declared in source.schema.tables
        for table in tables
        if table.source_id == source.id and table.name == declared.name
    }


def _keys_named(
    connection: Connection, run: RunRecord, held: Mapping[int, Collection[str]]
) -> dict[tuple[int, str, str], list[str]]:
    """Return some keys of rows for each table, column and loss, as the steps of copying have noted them."""
    results = connection.execute(
        select(steps.c.table_id, steps.c.result)
        .where(
            steps.c.run_id == run.id,
            steps.c.phase == Phase.COPYING.value,
            steps.c.result.has_key("lost"),
        )
        .order_by(steps.c.id)
    )
    keys: dict[tuple[int, str, str], list[str]] = {}
    for table_id, result in results:
        for column, loss, key in result["lost"]:
            named = keys.setdefault((table_id, column, loss), [])
            if len(named) < LOST_NAMED and key not in held.get(table_id, ()):
                named.append(key)
    return keys


def _keys_held(connection: Connection, run: RunRecord) -> dict[int, set[str]]:
    """Return the keys of the rows in quarantine, as they are shown: what is not loaded has lost nothing."""
    rows = connection.execute(
        select(quarantine.c.table_id, quarantine.c.key).where(quarantine.c.run_id == run.id)
    )
    held: dict[int, set[str]] = {}
    for table_id, key in rows:
        held.setdefault(table_id, set()).add(", ".join("NULL" if part is None else str(part) for part in key))
    return held
