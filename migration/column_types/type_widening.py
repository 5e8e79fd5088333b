"""Chooses the PostgreSQL type of a column from its declaration and from all that it holds.

A type that holds every value stays; one that does not is widened, never narrowed, and the reason says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.column_types.whole_days import find_integer_unit, midnight_unit, question
from migration.mapping_file_model import EpochUnit
from migration.model import StorageClass, ValueKind
from migration.value_conversion.rules.number_rules import EXACT_DOUBLE
from migration.value_conversion.value_kinds import kind_of, split_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.model import ColumnProfile

TIMESTAMPTZ: Final = "timestamp with time zone"

_INTEGER_TYPES: Final = (("smallint", 16), ("integer", 32), ("bigint", 64))
_INTEGER_KINDS: Final = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_CALENDAR_KINDS: Final = frozenset({ValueKind.DATE, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})
_TEXT_KINDS: Final = frozenset({ValueKind.TEXT, ValueKind.BYTES})


@dataclass(frozen=True, slots=True)
class Choice:
    """A type, and what made it differ from the declared one (empty: nothing did)."""

    target_type: str
    because: str = ""
    unit: EpochUnit | None = None
    """Of integers that are epochs."""
    real_unit: EpochUnit | None = None
    """Of reals that are dates."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a column holds, asked the way the choice asks it."""

    profile: ColumnProfile
    nullable: bool
    text_is_odd: Callable[[str], bool]
    """Tells of an example whether the declared type's rule refuses it."""
    epoch: EpochUnit | None = None
    """What the table's own make says that numbers of its date columns count."""

    def count(self, storage_class: StorageClass) -> int:
        """Return how many values of a storage class there are."""
        return self.profile.count(storage_class)

    @property
    def integers(self) -> int:
        """Number of integers."""
        return self.count(StorageClass.INTEGER)

    @property
    def reals(self) -> int:
        """Number of reals."""
        return self.count(StorageClass.REAL)

    @property
    def texts(self) -> int:
        """Number of texts, without those that a normalisation turns to NULL."""
        return self.count(StorageClass.TEXT) - self.profile.texts_to_null

    @property
    def blobs(self) -> int:
        """Number of blobs."""
        return self.count(StorageClass.BLOB)

    @property
    def others_than_blobs(self) -> int:
        """Number of values that are no blobs."""
        return self.integers + self.reals + self.texts

    @property
    def bounds(self) -> tuple[int, int]:
        """Smallest and largest integer; zeros where there is none."""
        return self.profile.int_min or 0, self.profile.int_max or 0

    def texts_fit(self, accepted: dict[StorageClass, int]) -> bool:
        """Tell whether a rule takes all texts, but for those that no text rule would take.

        Empty texts become NULL where the column may be NULL. Texts that are not UTF-8 go to the quarantine
        whatever the type is.
        """
        taken = accepted.get(StorageClass.TEXT, 0) + self.profile.bad_utf8_texts
        return taken + (self.profile.empty_texts if self.nullable else 0) >= self.texts

    def fits(self, storage_class: StorageClass) -> bool:
        """Tell whether the declared type's rule takes all values of a class."""
        return self.profile.accepted.get(storage_class, 0) >= self.count(storage_class)

    def exact_as_doubles(self) -> bool:
        """Tell whether every integer is exact as a double."""
        low, high = self.bounds
        return low >= -EXACT_DOUBLE and high <= EXACT_DOUBLE

    def example(self, storage_class: StorageClass) -> str:
        """Return a phrase with a value of a class that the declared type does not take; empty if none is known."""
        value = self.profile.examples.get(storage_class)
        if value is None or (storage_class is StorageClass.TEXT and not self.text_is_odd(value)):
            return ""
        return f" such as {value!r}" if storage_class is StorageClass.TEXT else f" such as {value}"


def choose(declared: str, natural: str, evidence: Evidence) -> Choice:  # noqa: PLR0911 - a decision table
    """Return the type for a column that holds at least one value.

    Args:
        declared: the declared type, for reasons.
        natural: the type that the declaration asks for; empty where it names none.
        evidence: what the column holds.
    """
    if not natural:
        return _undeclared(evidence)
    kind = kind_of(natural)
    if kind is ValueKind.TEXT:
        return _text(declared, natural, evidence)
    if evidence.blobs:
        return _with_blobs(declared, natural, evidence)
    if kind is ValueKind.BYTES:
        chosen = _undeclared(evidence)
        return Choice(chosen.target_type, f"{declared} {chosen.because}")
    if kind in _CALENDAR_KINDS:
        return _calendar(declared, natural, evidence)
    if not evidence.texts_fit(evidence.profile.accepted):
        return Choice("text", f"{declared} holds text{evidence.example(StorageClass.TEXT)}, widened to text")
    return _number(declared, natural, kind, evidence)


def _undeclared(evidence: Evidence) -> Choice:
    if evidence.blobs:
        if evidence.blobs >= evidence.others_than_blobs:
            return Choice("bytea", "holds blobs" if evidence.others_than_blobs else "holds only blobs")
        return Choice("text", "holds mostly other values than blobs")
    if evidence.texts:
        return Choice("text", "holds text")
    if evidence.reals:
        return _with_reals(evidence)
    return Choice("bigint", "holds only integers")


def _with_reals(evidence: Evidence) -> Choice:
    """Choose for numbers of which some are reals."""
    if not evidence.integers:
        return Choice("double precision", "holds only reals")
    if not evidence.profile.real_nonfinite:
        return Choice("numeric", "holds integers and reals")
    if evidence.exact_as_doubles():
        return Choice("double precision", "holds integers and reals, among them infinity")
    return Choice("text", "holds infinity, and integers that a double cannot hold exactly")


def _text(declared: str, natural: str, evidence: Evidence) -> Choice:
    if evidence.blobs and not evidence.others_than_blobs:
        return Choice("bytea", f"{declared} holds only blobs, stored as bytea")
    base, modifier = split_type(natural)
    if not modifier:
        return Choice(natural)
    length, longest = modifier[0], evidence.profile.longest_chars
    if longest > length:
        return Choice("text", f"{declared} holds {longest:,} characters, widened to text")
    if evidence.blobs or evidence.integers or evidence.reals:
        return Choice("text", f"{declared} holds other values than text, widened to text")
    if base == "char" and not evidence.texts_fit(evidence.profile.accepted):
        return Choice(
            f"varchar({length})",
            f"{declared} holds trailing blanks or NUL characters, widened to varchar({length})",
        )
    return Choice(natural)


def _with_blobs(declared: str, natural: str, evidence: Evidence) -> Choice:
    if natural == "bytea":
        return Choice(natural)
    if natural == "jsonb" and evidence.fits(StorageClass.BLOB) and _json_fits(evidence):
        return Choice(natural)
    if not evidence.others_than_blobs:
        return Choice("bytea", f"{declared} holds only blobs, stored as bytea")
    target_type = "bytea" if evidence.blobs >= evidence.others_than_blobs else "text"
    return Choice(target_type, f"{declared} holds blobs among other values, widened to {target_type}")


def _json_fits(evidence: Evidence) -> bool:
    return evidence.texts_fit(evidence.profile.accepted) and evidence.fits(StorageClass.REAL)


def _smallest_integer_type(evidence: Evidence, at_least: str) -> str:
    low, high = evidence.bounds
    names = [name for name, _ in _INTEGER_TYPES]
    for name, bits in _INTEGER_TYPES[names.index(at_least) :]:
        limit = 1 << (bits - 1)
        if -limit <= low and high < limit:
            return name
    return "bigint"


def _farthest(evidence: Evidence) -> str:
    low, high = evidence.bounds
    return f"{low if abs(low) > abs(high) else high:,}"


def _number(declared: str, natural: str, kind: ValueKind, evidence: Evidence) -> Choice:  # noqa: PLR0911 - a decision table
    """Choose for numbers and booleans, times and JSON, once every text fits and there are no blobs."""
    if kind is ValueKind.JSON and evidence.fits(StorageClass.REAL):
        return Choice(natural)
    if evidence.fits(StorageClass.INTEGER) and evidence.fits(StorageClass.REAL):
        return Choice(natural)
    worded = evidence.texts > evidence.profile.empty_texts + evidence.profile.bad_utf8_texts
    if worded and kind not in _INTEGER_KINDS | {ValueKind.NUMERIC, ValueKind.FLOAT64}:
        return Choice("text", f"{declared} holds text and other numbers, widened to text")
    if kind is ValueKind.NUMERIC and not evidence.profile.real_nonfinite:
        return Choice("numeric", f"{declared} holds numbers that it would round or cut, widened to numeric")
    if kind is ValueKind.FLOAT64:
        if evidence.profile.real_nonfinite:
            return Choice("text", f"{declared} {_with_reals(evidence).because}, widened to text")
        return Choice(
            "numeric", f"{declared} holds integers that are not exact as doubles, widened to numeric"
        )
    if evidence.reals:
        return _reals_in(declared, kind, evidence)
    at_least = natural if kind in _INTEGER_KINDS else "smallint"
    chosen = _smallest_integer_type(evidence, at_least)
    return Choice(chosen, f"{declared} holds {_farthest(evidence)}, widened to {chosen}")


def _reals_in(declared: str, kind: ValueKind, evidence: Evidence) -> Choice:
    example = evidence.example(StorageClass.REAL)
    if not evidence.profile.real_nonfinite and kind in _INTEGER_KINDS | {ValueKind.BOOL}:
        return Choice("numeric", f"{declared} holds reals{example}, widened to numeric")
    chosen = _with_reals(evidence)
    return Choice(chosen.target_type, f"{declared} {chosen.because}, widened to {chosen.target_type}")


def _calendar(declared: str, natural: str, evidence: Evidence) -> Choice:  # noqa: PLR0911 - a decision table
    """Choose for a column of dates or timestamps that holds no blobs."""
    profile = evidence.profile
    unit = (evidence.epoch or find_integer_unit(profile)) if evidence.integers else None
    real_unit = _real_unit(evidence)
    numbers_are_dates = (not evidence.integers or unit is not None) and (not evidence.reals or real_unit)
    if numbers_are_dates:
        has_numbers = evidence.integers or evidence.reals
        if evidence.texts_fit(profile.accepted):
            if (
                natural == "date"
                and evidence.integers
                and not evidence.reals
                and unit is midnight_unit(profile)
            ):
                return Choice(natural, f"{declared} as declared: its numbers are midnights", unit)
            if has_numbers and natural == "date":
                because = f"{declared} holds numbers that are points in time, widened to {TIMESTAMPTZ}"
                return Choice(TIMESTAMPTZ, because, unit, real_unit)
            return Choice(natural, "", unit, real_unit)
        if evidence.texts_fit(profile.accepted_wider):
            because = f"{declared} holds times of day, widened to {TIMESTAMPTZ}"
            return Choice(TIMESTAMPTZ, because, unit, real_unit)
        return Choice("text", f"{declared} holds text{evidence.example(StorageClass.TEXT)}, widened to text")
    worded = evidence.texts > profile.empty_texts + profile.bad_utf8_texts
    if worded or (evidence.texts and not evidence.nullable):
        return Choice("text", f"{declared} holds text and numbers that are no epochs, widened to text")
    if evidence.reals:
        chosen = _with_reals(evidence)
        because = f"{declared} holds reals{evidence.example(StorageClass.REAL)} that are no dates"
        return Choice(chosen.target_type, f"{because}, stored as {chosen.target_type}")
    chosen_type = _smallest_integer_type(evidence, "integer")
    because = f"{declared} holds integers such as {_farthest(evidence)} that are no epochs"
    return Choice(chosen_type, f"{because}, stored as {chosen_type}{question(profile, natural)}")


def _real_unit(evidence: Evidence) -> EpochUnit | None:
    """Return what the reals of a date column count, if there is a unit that takes them all."""
    if not evidence.reals:
        return None
    if evidence.fits(StorageClass.REAL):
        return evidence.epoch or EpochUnit.JULIAN
    if evidence.profile.accepted_wider.get(StorageClass.REAL, 0) >= evidence.reals:
        return EpochUnit.SECONDS
    return None
