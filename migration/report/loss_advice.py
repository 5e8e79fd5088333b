"""What to do about values that cannot be had back: another type, or a signature, as a line that can be typed now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from migration.model import FindingKind, Mode
from migration.name_lists import some
from migration.report import next_commands
from migration.report.report_model import Recommendation, Urgency
from migration.value_conversion.named_losses import LOSSES, TARGET_ROW_KEPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.report.report_model import FindingReport
    from migration.run_options import RunOptions
    from migration.source_table_names import TableNames


_ALIKE_SHOWN: Final = 3
"""Findings of one loss; of more, one line tells the columns."""


def signing_line(findings: Sequence[FindingReport], options: RunOptions) -> str:
    """Return the command by which somebody signs for the losses among some findings; empty where none can.

    A dry-run is followed by the migration. After one the tables are full, and a comparison is what can be signed.
    """
    names = tuple(dict.fromkeys(finding.loss for finding in findings if finding.loss))
    after = options.mode is not Mode.DRY_RUN
    if not names or (
        after and TARGET_ROW_KEPT in names
    ):  # rows that differ are no affair of a signature there
        return ""
    signed = replace(options, accept=tuple(dict.fromkeys((*options.accept, *names))))
    return next_commands.repeat(signed, Mode.VALIDATE if after else Mode.MIGRATE)


def fold_losses(findings: Sequence[FindingReport], names: TableNames) -> tuple[list[FindingReport], int]:
    """Return findings of which those of one loss in many columns are one line, and how many lines that saves.

    The report's files have each of them, with the keys of some rows.
    """
    alike: dict[tuple[str, str, bool], list[FindingReport]] = {}
    for finding in findings:
        if finding.kind is FindingKind.LOSSY_VALUE:
            alike.setdefault((finding.loss, finding.accepted_by, finding.is_error), []).append(finding)
    shown: list[FindingReport] = []
    for finding in findings:
        group = alike.get((finding.loss, finding.accepted_by, finding.is_error), [])
        if finding.kind is not FindingKind.LOSSY_VALUE or len(group) <= _ALIKE_SHOWN:
            shown.append(finding)
        elif finding is group[0]:
            places = some(names.place(f) for f in group)
            what = f"values of {len(group):,} columns cannot be had back from the target ({finding.loss}):"
            message = f"{what} {LOSSES.get(finding.loss, finding.loss)}; in {places}"
            shown.append(replace(finding, source="", table="", column=None, key=None, message=message))
    return shown, len(findings) - len(shown)


def _names(findings: Sequence[FindingReport]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f.loss for f in findings if f.kind is FindingKind.LOSSY_VALUE))


def loss_advice(lossy: Sequence[FindingReport], options: RunOptions) -> Iterator[Recommendation]:
    """Yield the choice: `lossy` are the findings of values that cannot be had back and nobody has signed for."""
    if not lossy:
        return
    places = some(options.table_names.place(f) for f in lossy)
    command = signing_line(lossy, options)
    other = (
        "have the application give its column a type that holds them"
        if options.data_only
        else "store the column in a type that holds them (--mapping)"
    )
    listed = ",".join(_names(lossy))
    how = (
        "This line migrates, signed so:"
        if options.mode is Mode.DRY_RUN
        else "Of what stands now, a comparison is signed; this line has status 0 where nothing else differs:"
        if command
        else "A migration of the same source has status 0 with it."
    )
    yield Recommendation(
        Urgency.SHOULD,
        "Decide whether the changed values may stay changed",
        f"Values of {places} cannot be had back from the target. The original values are in the source only: keep the"
        f" file, {other}, or sign for the loss (--accept {listed}). {how}",
        (command,) if command else (),
    )
