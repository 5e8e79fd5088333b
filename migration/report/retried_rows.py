"""What the first line of a report says of rows that other rules than the run's have brought in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.ledger.run_acts import Act
from migration.report.text_formatting import count, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.ledger.run_acts import ActRecord
    from migration.report.verdict_model import Verdict


def with_retries(verdict: Verdict, acts: Sequence[ActRecord]) -> Verdict:
    """Return a verdict that names the mapping files by which rows came out of quarantine, and how many did.

    Both sides are equal as these files make the source; the options of the run do not show them.
    """
    stored: dict[str, int] = {}
    for record in acts:
        if record.act is Act.ROLLED_BACK:
            return verdict
        if record.act is Act.RETRIED and record.data.get("mapping_file") and record.data["stored"]:
            name = printable(record.data["mapping_file"])
            stored[name] = stored.get(name, 0) + record.data["stored"]
    if not stored:
        return verdict
    rows = ", ".join(f"{count(number, 'row')} by {name}" for name, number in stored.items())
    return replace(
        verdict, headline=f"{verdict.headline} Out of quarantine came, by other rules than the run's: {rows}."
    )
