"""The three parts of a verdict: rows, values, schema. Each is equal, differs, or was not checked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from migration.finding_kinds import KIND_FACTS, FindingKind, FindingWeight, VerdictPart, weigh
from migration.report.report_model import TableReport
from migration.report.text_formatting import count
from migration.report.verdict_model import PartReport, PartState

# One says that rows differ without saying how, the others that nobody could look.
_NO_DIFFERENCE: Final = frozenset(
    {FindingKind.DIGEST_MISMATCH, FindingKind.HIDDEN_ROWS, FindingKind.SCHEMA_NOT_COMPARED}
)


def judge_parts(
    tables: Sequence[TableReport],
    counts: Mapping[FindingKind, int],
    ignored: Collection[str],
    *,
    compares_schema: bool = True,
) -> tuple[PartReport, PartReport, PartReport]:
    """Return the verdict on rows, on values and on the schema.

    Args:
        tables: those of the run.
        counts: findings by kind.
        ignored: kinds that `--ignore` names.
        compares_schema: False where it is the application's own affair: what is found beside it is no difference of it.
    """
    differing = {part: _sum(counts, part, ignored, FindingWeight.DIFFERENCE) for part in VerdictPart}
    unequal = [table for table in tables if table.equal is False]
    is_told = differing[VerdictPart.ROWS] or differing[VerdictPart.VALUES]
    out = sum(table.rows_quarantined for table in tables)
    lost = any(table.conserved is False for table in tables)
    compared = [table for table in tables if table.equal is not None]
    checked = [table for table in tables if table.schema_checked is not None]
    untold = bool(unequal) and not is_told
    is_whole = bool(tables) and len(compared) == len(tables)
    return (
        PartReport(
            VerdictPart.ROWS,
            _state(
                differs=bool(differing[VerdictPart.ROWS] or (out and compared) or lost or untold),
                is_whole=is_whole,
            ),
            sum(table.rows_source for table in compared),
            differing[VerdictPart.ROWS],
            _sum(counts, VerdictPart.ROWS, ignored, FindingWeight.ADVICE),
        ),
        PartReport(
            VerdictPart.VALUES,
            _state(differs=bool(differing[VerdictPart.VALUES] or untold), is_whole=is_whole),
            sum(
                (table.rows_source - table.rows_quarantined) * max(1, len(table.columns))
                for table in compared
            ),
            differing[VerdictPart.VALUES],
            _sum(counts, VerdictPart.VALUES, ignored, FindingWeight.ADVICE),
        ),
        PartReport(
            VerdictPart.SCHEMA,
            _state(
                differs=bool(differing[VerdictPart.SCHEMA]) and compares_schema,
                is_whole=bool(tables) and len(checked) == len(tables) and compares_schema,
            ),
            sum(table.schema_checked or 0 for table in checked),
            differing[VerdictPart.SCHEMA],
            _sum(counts, VerdictPart.SCHEMA, ignored, FindingWeight.ADVICE),
            sum(_sum(counts, part, ignored, FindingWeight.IGNORED) for part in VerdictPart),
        ),
    )


def count_differences(counts: Mapping[FindingKind, int], ignored: Collection[str]) -> int:
    """Return how many findings make the exit status 1."""
    return sum(n for kind, n in counts.items() if weigh(kind, ignored) is FindingWeight.DIFFERENCE)


def is_schema_uncompared(counts: Mapping[FindingKind, int], ignored: Collection[str]) -> bool:
    """Whether a schema that was to be compared could not be, and nobody has said that it need not."""
    kinds = (FindingKind.SCHEMA_NOT_COMPARED, FindingKind.SCHEMA_ONLY_BUILT)
    return any(counts.get(kind) and weigh(kind, ignored) is not FindingWeight.IGNORED for kind in kinds)


def _sum(
    counts: Mapping[FindingKind, int], part: VerdictPart, ignored: Collection[str], weight: FindingWeight
) -> int:
    return sum(
        n
        for kind, n in counts.items()
        if KIND_FACTS[kind].part is part and weigh(kind, ignored) is weight and kind not in _NO_DIFFERENCE
    )


def _state(*, differs: bool, is_whole: bool) -> PartState:
    """A difference is one, however much was left unread; what was not read, or is not there, is never equal."""
    if differs:
        return PartState.DIFFERS
    return PartState.EQUAL if is_whole else PartState.NOT_CHECKED


def describe_part(part: PartReport) -> str:
    """Return the figures of a part of the verdict, to be put after its state; empty where there are none.

    >>> describe_part(PartReport(VerdictPart.SCHEMA, PartState.DIFFERS, checked=57, differing=2, advice=1))
    ': 57 compared, 2 findings, 1 as advice'
    """
    figures = [f"{part.checked:,} compared"] if part.checked else []
    figures += [count(part.differing, "finding")] if part.differing else []
    figures += [f"{part.advice:,} as advice"] if part.advice else []
    figures += [f"{part.ignored:,} wanted (--ignore)"] if part.ignored else []
    return f": {', '.join(figures)}" if figures else ""
