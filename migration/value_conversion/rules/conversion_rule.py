"""What a rule is: one way from a storage class to a value kind, told twice.

The columnar form converts a whole slot at Arrow's speed and marks the values that it leaves to the row path; the
scalar form converts one value and has the last word. A differential test holds the two to the same result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from migration.value_conversion.declared_meaning import Meaning
from migration.value_conversion.value_kinds import ARROW_TYPES, split_type

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from migration.model import StorageClass, ValueKind

Converted: TypeAlias = tuple["pa.Array", "pa.BooleanArray | None"]
"""Values of the kind's Arrow type, and which of them the row path must decide (None: no one)."""


AskServer: TypeAlias = "Callable[[str, str], str]"
"""From a text and the name of a type to why it does not fit; empty where it does."""


class Misfit(Exception):  # noqa: N818 - not an error of the run: a value that a type cannot hold
    """A value that a rule cannot convert faithfully.

    Args:
        reason: why, as it stands in the quarantine.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Context:
    """What a conversion depends on besides the value.

    `length` is the limit of a varchar or char in characters; `precision` and `scale` are those of a numeric.
    """

    source_timezone: str = "UTC"
    length: int | None = None
    precision: int | None = None
    scale: int | None = None
    fraction_digits: int | None = None
    """Of the seconds of a time, where its type keeps fewer than the microsecond."""
    meaning: Meaning = Meaning.SPELLING
    """What the source's declaration says of the values: decides what is a loss, and of no value what it becomes."""
    time_example: str = ""
    """A text of the column, where texts become times: how it spells them."""
    tells_reals: bool = False
    """Integers stand beside the column's reals, and its declaration does not make them one: 5.0 is not 5."""
    infinite_numerics: bool = False
    """A numeric may be infinite: where it stands already, on a server that has such."""
    keeps_document: bool = False
    """The type is `json`, which keeps a document's text; `jsonb` keeps what it means."""
    ask_server: AskServer | None = None
    """Says why the server does not take a text as a value of a type, or would not keep it; empty where it does both.

    None: there is no server to ask, and what is doubtful does not fit."""

    def for_type(self, target_type: str) -> Context:
        """Return this context with the limits of one PostgreSQL type."""
        base, modifier = split_type(target_type)
        bare = replace(
            self,
            length=None,
            precision=None,
            scale=None,
            fraction_digits=None,
            keeps_document=base == "json",
        )
        if not modifier:
            return bare
        if base in {"numeric", "decimal"}:
            return replace(bare, precision=modifier[0], scale=modifier[1] if len(modifier) > 1 else 0)
        if base in {"varchar", "character varying", "char", "character", "bpchar"}:
            return replace(bare, length=modifier[0])
        if base.startswith("time"):
            return replace(bare, fraction_digits=modifier[0])
        return bare


Lost: TypeAlias = "Callable[[pa.Array, pa.Array, Context], pa.BooleanArray | None]"
"""From the values of a slot, what they became, and the context: which of them cannot be had back (None: all can).

What became null, because it does not fit, does not matter.
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """What a rule may lose of single values, by its name in `named_losses.LOSSES`."""

    name: str
    lost: Lost


@dataclass(frozen=True, slots=True)
class Rule:
    """One way from a storage class to a kind.

    `scalar` takes an int, float, str or bytes, never None; texts reach it only when they are UTF-8.
    `transform` names a deliberate change of value; None where the value keeps its meaning. `changes` marks the
    values of a slot that the transform changes; None: all of them. `lossy`: what the transform changes cannot be had
    back from the result, so that its name is that of a loss; `losses` says what else cannot. `only_checks`: a value
    that fits passes unchanged, so what a profile has tried need not be tried again. `inner` is the rule to which this
    one leaves all values that `changes` does not mark. `packed` converts a slot into its column's packed type
    (`packed_values.packed_type`); None where a value does not fit, or is changed, or loses something: then the columnar
    form tells which.
    """

    name: str
    storage_class: StorageClass
    kind: ValueKind
    columnar: Callable[[pa.Array, Context], Converted]
    scalar: Callable[[Any, Context], Any]
    transform: str | None = None
    lossy: bool = False
    only_checks: bool = False
    changes: Callable[[pa.Array, Context], pa.BooleanArray] | None = None
    losses: tuple[Loss, ...] = ()
    inner: Rule | None = None
    packed: Callable[[pa.Array, Context], pa.Array | None] | None = None

    def changed(self, values: pa.Array, context: Context) -> Iterator[tuple[str, pa.BooleanArray]]:
        """Yield each deliberate change of value, by its name, with the values of a slot that it changes."""
        if self.transform is None:
            return
        marked = self.changes(values, context) if self.changes else values.is_valid()
        yield self.transform, marked
        if self.inner is not None:
            yield from self.inner.changed(drop(values, marked), context)


def drop(values: pa.Array, bad: pa.BooleanArray) -> pa.Array:
    """Return the values with null where `bad` is true."""
    return pc.if_else(bad, pa.scalar(None, values.type), values)


def merge_bad(*masks: pa.BooleanArray | None) -> pa.BooleanArray | None:
    """Return the union of masks, where null counts as false; None when nothing is bad."""
    union: pa.BooleanArray | None = None
    for mask in masks:
        if mask is None:
            continue
        filled = mask.fill_null(False) if mask.null_count else mask
        union = filled if union is None else pc.or_(union, filled)
    if union is None or not union.true_count:
        return None
    return union


def all_bad(values: pa.Array, target: pa.DataType) -> Converted:
    """Leave every value to the row path: right where Arrow refuses a whole array for one odd value."""
    return pa.nulls(len(values), target), merge_bad(values.is_valid())


def by_rows(kind: ValueKind) -> Callable[[pa.Array, Context], Converted]:
    """Return a columnar form that leaves all to the row path: for conversions that are rare."""
    return lambda values, _context: all_bad(values, ARROW_TYPES[kind])
