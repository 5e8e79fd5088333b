"""The verdict of a report: its first line, and the three parts that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from migration.finding_kinds import VerdictPart


class VerdictLevel(StrEnum):
    """How good the news is: colours the first line of a report."""

    PROVED = "proved"  # every row is equal on both sides
    ATTENTION = "attention"  # done, and something is left for a person to look at
    FAILED = "failed"  # stopped, or not equal
    NEUTRAL = "neutral"  # nothing to judge: not finished, cancelled, rolled back


class PartState(StrEnum):
    """What is known of a part of the verdict."""

    EQUAL = "equal"  # all of it was compared, and nothing differs
    DIFFERS = "differs"
    NOT_CHECKED = "not_checked"  # not compared, or not all of it


@dataclass(frozen=True, slots=True)
class PartReport:
    """A part of the verdict.

    `checked` counts what was compared: rows; values; columns, keys, constraints, indexes and views. `differing` counts
    findings that make the exit status 1, `advice` those that do not, `ignored` those that `--ignore` wants.
    """

    part: VerdictPart
    state: PartState = PartState.NOT_CHECKED
    checked: int = 0
    differing: int = 0
    advice: int = 0
    ignored: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first line of a report: one sentence, how to feel about it, and the three parts that it is made of."""

    level: VerdictLevel
    headline: str
    detail: str = ""
    rows: PartReport = field(default_factory=lambda: PartReport(VerdictPart.ROWS))
    values: PartReport = field(default_factory=lambda: PartReport(VerdictPart.VALUES))
    schema: PartReport = field(default_factory=lambda: PartReport(VerdictPart.SCHEMA))

    @property
    def parts(self) -> tuple[PartReport, PartReport, PartReport]:
        """All three."""
        return self.rows, self.values, self.schema
