"""How many rows of a source stand in an application's table already, equal or not, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.application_errors import MergeConflictError
from migration.mapping_file_model import OnConflict
from migration.model import Finding, FindingKind, ObjectResult, ObjectState
from migration.value_conversion.named_losses import TARGET_ROW_KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMED_ROWS: Final = 20
"""Rows of a table that are named by their keys, of those that differ."""
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class MergeCount:
    """The rows of one table whose key stands already; `key` is empty where nothing stood there and there is none."""

    key: tuple[str, ...]
    equal: int
    differing: int
    named: tuple[str, ...]
    """Keys of the first rows that differ."""

    def __add__(self, other: MergeCount) -> MergeCount:
        """Add the rows of another part of the same table."""
        named = (*self.named, *other.named)[:NAMED_ROWS]
        return MergeCount(self.key, self.equal + other.equal, self.differing + other.differing, named)

    @property
    def first(self) -> str:
        """The keys of the very first rows that differ."""
        shown = list(self.named[:_SHOWN])
        return "; ".join([*shown, "..."] if self.differing > len(shown) else shown)

    def result(self, table: str, source: str, inserted: int, on_conflict: OnConflict) -> ObjectResult:
        """Return the line of the report."""
        told = [f"{inserted:,} rows went in", f"{self.equal:,} stood there equal"]
        if self.differing:
            whose = "source's" if on_conflict is OnConflict.SOURCE else "target's"
            told.append(f"{self.differing:,} differed, and the {whose} count ({self.first})")
        reason = f"merged by {', '.join(self.key) or 'nothing, it was empty'}: {', '.join(told)}"
        return ObjectResult("table", table, ObjectState.CHANGED, reason, source)

    def kept(self, table: str) -> Finding:
        """Return the finding that rows of the source did not come, since others stand under their keys."""
        return Finding(
            FindingKind.LOSSY_VALUE,
            table,
            f"{self.differing:,} rows of the source differ from those that stand under their keys, which were kept"
            " (--on-conflict target)",
            None,
            "; ".join(self.named),
            is_error=False,
            loss=TARGET_ROW_KEPT,
        )


def refuse_conflicts(counts: Mapping[str, MergeCount], schema: str) -> None:
    """Make sure that no row differs from what stands under its key.

    Args:
        counts: table of the source, as people read of it → its rows.
        schema: the schema that they go into.

    Raises:
        MergeConflictError: some do; it names their keys.
    """
    differing = {table: count for table, count in counts.items() if count.differing}
    if not differing:
        return
    total = sum(count.differing for count in differing.values())
    rows = "1 row of the source differs" if total == 1 else f"{total:,} rows of the source differ"
    told = "; ".join(f"{table}: {count.differing:,} ({count.first})" for table, count in differing.items())
    unnamed = [f"{table}: {key}" for table, count in differing.items() for key in count.named[_SHOWN:]]
    raise MergeConflictError(
        f"{rows} from what stands under {'its key' if total == 1 else 'their keys'}: {told}",
        schema=schema,
        remedy="Nothing was changed. Say whose rows count with --on-conflict source or --on-conflict target",
        details="\n".join(unnamed),
    )
