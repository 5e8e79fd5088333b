"""How a standing type relates to the one that Convoy would choose: narrower, wider, stricter or another one. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.finding_kinds import FindingKind

if TYPE_CHECKING:
    from migration.target.pg_catalog.table_shapes import ColumnShape

# Each type holds every value of those before it, exactly (pg_type.typname).
_CHAINS: Final = (
    ("int2", "int4", "int8", "numeric"),
    ("float4", "float8"),
    ("varchar", "text"),
    ("bit", "varbit"),
    ("jsonb", "json"),  # json keeps the text as well
)
_GENERAL: Final = frozenset({"text", "varchar", "int2", "int4", "int8", "numeric", "float8"})
"""What a column gets whose declaration says no more than TEXT, INTEGER or REAL: people who know more choose better."""
_SPECIAL: Final = frozenset(
    {
        *("bool", "uuid", "json", "jsonb", "date", "time", "timetz", "timestamp", "timestamptz", "interval"),
        *("inet", "cidr", "macaddr", "macaddr8", "xml", "money", "citext"),
    }
)
_UNBOUNDED: Final = frozenset({"text", "varchar"})
"""Without a length these hold, refuse and compare the same."""
_MICROSECONDS: Final = {
    **dict.fromkeys(("time", "timetz", "timestamp", "timestamptz"), frozenset({6})),
    # All fields in the upper half of the word, the places of the second in the lower one.
    # https://github.com/postgres/postgres/blob/master/src/include/utils/timestamp.h (INTERVAL_TYPMOD)
    "interval": frozenset({0x7FFF << 16 | 6, 0x7FFF << 16 | 0xFFFF}),
}
"""Type of times → what in its brackets says no more than no brackets do."""
_EXACT: Final = "numeric"
_ENUM: Final = "e"
_VARLENA_HEADER: Final = 4


def type_difference(wanted: ColumnShape, standing: ColumnShape) -> FindingKind | None:
    """Return how the type of a standing column differs; None where it does not. Domains count as what they are over."""
    ours, theirs = wanted.base_name, standing.base_name
    if wanted.base_type == standing.base_type or _holds_the_same(wanted, standing):
        return None
    if ours == theirs:
        return _by_modifier(ours, _bounds(wanted), _bounds(standing))
    for chain in _CHAINS:
        if ours in chain and theirs in chain:
            up = chain.index(theirs) > chain.index(ours)
            limited = standing.modifier >= 0 and theirs in {"numeric", "varbit"}
            return FindingKind.TYPE_WIDER if up and not limited else FindingKind.TYPE_NARROWER
    if ours in _GENERAL and (theirs in _SPECIAL or standing.type_kind == _ENUM):
        return FindingKind.TYPE_STRICTER
    if ours == "float8" and theirs == _EXACT:
        return FindingKind.TYPE_STRICTER
    return FindingKind.TYPE_OTHER


def _holds_the_same(wanted: ColumnShape, standing: ColumnShape) -> bool:
    names = {wanted.base_name, standing.base_name}
    bounds = {_bounds(wanted), _bounds(standing)}
    return (len(names) == 1 and len(bounds) == 1) or (names == _UNBOUNDED and bounds == {-1})


def _bounds(column: ColumnShape) -> int:
    """Return what stands in the brackets of a type; -1 for nothing, and for what says nothing."""
    return -1 if column.modifier in _MICROSECONDS.get(column.base_name, ()) else column.modifier


def _by_modifier(name: str, ours: int, theirs: int) -> FindingKind:
    """Compare two types that differ in what stands in their brackets; without brackets they hold the most."""
    if theirs < 0:
        return FindingKind.TYPE_WIDER
    if ours < 0:
        return FindingKind.TYPE_NARROWER
    if name == _EXACT:
        (whole, scale), (their_whole, their_scale) = _places(ours), _places(theirs)
        is_wider = their_whole >= whole and their_scale >= scale
        return FindingKind.TYPE_WIDER if is_wider else FindingKind.TYPE_NARROWER
    if name in {"bpchar", "bit"}:
        return FindingKind.TYPE_OTHER  # these are always of their full length
    return FindingKind.TYPE_WIDER if theirs > ours else FindingKind.TYPE_NARROWER


def _places(modifier: int) -> tuple[int, int]:
    """Return the places before and behind the point of a numeric's pg_attribute.atttypmod."""
    packed = modifier - _VARLENA_HEADER
    precision, scale = packed >> 16 & 0xFFFF, packed & 0x7FF
    return precision - scale, scale
