"""What the first line of a report says where rows are equal, and values of them cannot be had back. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.model import FindingKind
from migration.report.text_formatting import count
from migration.report.verdict_model import Verdict, VerdictLevel
from migration.source_table_names import TableNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.report.report_model import FindingReport


def lossy_places(findings: Sequence[FindingReport], names: TableNames) -> tuple[str, ...]:
    """Return the columns, with their tables as `names` has them, of which values cannot be had back."""
    places = (names.place(finding) for finding in findings if finding.kind is FindingKind.LOSSY_VALUE)
    return tuple(dict.fromkeys(places))


def judge_losses(
    verdict: Verdict, rows: str, lossy: Sequence[str], accepted: Sequence[FindingReport]
) -> Verdict:
    """Return a proof of rows as what it is for the values: not one where some cannot be had back.

    Args:
        verdict: what the rows deserve.
        rows: their number and place, as a phrase.
        lossy: columns with losses that nobody has signed for.
        accepted: what somebody has signed for.
    """
    if lossy:
        more = f" and {len(lossy) - 3:,} more" if len(lossy) > 3 else ""  # noqa: PLR2004 - columns named
        return Verdict(
            VerdictLevel.ATTENTION,
            f"Not proved: {rows} arrived, but values of {count(len(lossy), 'column')} cannot be had back"
            f" ({', '.join(lossy[:3])}{more}), and nobody has signed for that.",
            verdict.detail,
        )
    signed = lossy_places(accepted, TableNames(has_several_sources=True))  # only counted
    if not signed:
        return verdict
    by = ", ".join(dict.fromkeys(finding.accepted_by for finding in accepted if finding.accepted_by))
    headline = verdict.headline.removesuffix(".")
    return Verdict(
        verdict.level,
        f"{headline}, but for the losses in {count(len(signed), 'column')} that {by} signed for.",
        verdict.detail,
    )
