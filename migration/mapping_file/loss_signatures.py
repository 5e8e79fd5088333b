"""Losses that somebody signs for: what `--accept` and a mapping file say, and which findings that covers."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from migration.errors import UnknownLossError
from migration.mapping_file.accepted_losses import is_requested
from migration.model import Finding, FindingKind
from migration.source_table_names import full_name
from migration.sqlite_names import folded
from migration.value_conversion.named_losses import LOSSES, TRANSFORM_LOSSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from migration.mapping_file_model import ColumnOverride
    from migration.run_options import RunOptions
    from migration.source_schema import SourceSchema

SKIPPED: Final = "skipped"
SKIPPED_KINDS: Final = (
    "check",
    "collation",
    "column",
    "comment",
    "conflict clause",
    "default",
    "foreign key",
    "generated column",
    "index",
    "primary key",
    "sequence",
    "table",
    "trigger",
    "unique",
    "view",
    "virtual",
)
"""Kinds of objects that may not come along, as the report calls them."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One entry of `--accept`; `names` are losses of findings.

    `place` is in lower case: LABEL.TABLE.COLUMN, TABLE.COLUMN of whatever source, or empty: all.
    """

    place: str
    names: frozenset[str]

    def covers(self, finding: Finding) -> bool:
        """Tell whether it signs for a finding."""
        if not finding.loss or finding.loss not in self.names:
            return False
        return not self.place or self.place in _places(finding.source, finding.table, finding.column or "")


def _places(source: str, table: str, column: str) -> set[str]:
    return {folded(f"{table}.{column}"), folded(full_name(source, table, column))}


def skipped_loss(kind: str) -> str:
    """Return under which name an object of a kind that did not come along is signed for."""
    return f"{SKIPPED}:{kind}"


def read_signature(entry: str) -> Signature:
    """Return one entry of `--accept`.

    Raises:
        UnknownLossError: it names no loss and no kind of object; the message lists the names that there are.
    """
    place, separator, name = entry.rpartition(":")
    if separator and folded(place.strip()) == SKIPPED:
        kind = " ".join(folded(name).replace("-", " ").replace("_", " ").split())
        if kind not in SKIPPED_KINDS:
            raise _unknown(entry, f"There is no kind of object {name!r}", SKIPPED_KINDS, kind)
        return Signature("", frozenset({skipped_loss(kind)}))
    known = folded(name.strip())
    if known not in LOSSES and known not in TRANSFORM_LOSSES:
        names = [*sorted({*LOSSES, *TRANSFORM_LOSSES}), f"{SKIPPED}:KIND"]
        raise _unknown(entry, f"There is no loss {name!r}", names, known)
    if separator and not place.strip():
        raise _unknown(
            entry, f"{entry!r} names no column", ("TABLE.COLUMN:LOSS", "LABEL.TABLE.COLUMN:LOSS"), ""
        )
    return Signature(folded(place.strip()), frozenset({known, *TRANSFORM_LOSSES.get(known, ())}))


def _unknown(entry: str, what: str, names: Sequence[str], near_to: str) -> UnknownLossError:
    near = difflib.get_close_matches(near_to, names, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return UnknownLossError(what, setting=f"--accept {entry}", remedy=f"{hint}There are: {', '.join(names)}")


def check_signatures(sources: Iterable[tuple[str, SourceSchema]], options: RunOptions) -> None:
    """Make sure that each entry of `--accept` names a loss, and a column of some source if it names one.

    Raises:
        UnknownLossError: one does not.
    """
    plain: dict[str, str] = {}
    of_labels: dict[str, dict[str, str]] = {}
    for label, schema in sources:
        full = of_labels.setdefault(folded(f"{label}."), {})
        for table in schema.tables:
            for column in table.columns:
                plain[folded(f"{table.name}.{column.name}")] = f"{table.name}.{column.name}"
                name = full_name(label, table.name, column.name)
                full[folded(name)] = name
    for entry in options.accept:
        place = read_signature(entry).place
        there = next((full for start, full in of_labels.items() if place.startswith(start)), plain)
        if place and place not in plain and place not in there:
            tables = {name.rpartition(".")[0] for name in there}
            start = place.rpartition(".")[0]
            names = [
                name for key, name in there.items() if start not in tables or key.startswith(f"{start}.")
            ]
            raise _unknown(entry, f"No source has a column {entry.rpartition(':')[0]}", names, place)


def signed(finding: Finding, options: RunOptions, asked: ColumnOverride | None = None) -> Finding:
    """Return a finding with the name of who has signed for it, where somebody has.

    Args:
        finding: what cost something.
        options: of the run, with `accept` and who says it.
        asked: what the mapping file wants of the column, in which its author has decided.
    """
    if not finding.loss:
        return finding
    if is_requested(finding.loss, asked) and options.mapping is not None:
        kind = "profile" if options.mapping.is_profile else "mapping file"
        return replace(finding, accepted_by=f"the {kind} {options.mapping.name}")
    if any(read_signature(entry).covers(finding) for entry in options.accept):
        return replace(finding, accepted_by=options.accepted_by or "somebody who gave no name")
    return finding


def loss_finding(
    source: str,
    table: str,
    column: str,
    loss: str,
    count: int,
    keys: Sequence[str] = (),
    *,
    is_error: bool = False,
) -> Finding:
    """Return the finding that values of a column cannot be had back. `keys` are those of some rows."""
    values = "1 value" if count == 1 else f"{count:,} values"
    message = f"{values} cannot be had back from the target ({loss}): {LOSSES[loss]}"
    found = Finding(FindingKind.LOSSY_VALUE, table, message, column, "; ".join(keys) or None, is_error, loss)
    return found.of(source)


def loss_findings(
    source: str,
    table: str,
    losses: Iterable[tuple[str, str, int, Sequence[str]]],
    options: RunOptions,
    asked: Mapping[str, ColumnOverride | None],
    *,
    is_error: bool = False,
) -> list[Finding]:
    """Return the findings of what rows of a table have lost: of all rows that are stored, whatever way they came.

    Args:
        source: label of the source.
        table: its name in the source.
        losses: column, name of the loss, number of values, and the keys of some rows.
        options: with what is signed for, and the mapping file that the rows went through.
        asked: column → what that mapping file wants of it.
        is_error: whether a value that cannot be had back makes the two sides different.
    """
    return [
        signed(
            loss_finding(source, table, column, loss, count, keys, is_error=is_error),
            options,
            asked.get(column),
        )
        for column, loss, count, keys in losses
    ]


def skipped_finding(kind: str, name: str, owner: str, reason: str) -> Finding:
    """Return the finding that an object did not come along."""
    message = f"{kind} {name} did not come along: {reason or 'no reason is known'}"
    return Finding(FindingKind.SKIPPED_OBJECT, owner, message, is_error=False, loss=skipped_loss(kind))
