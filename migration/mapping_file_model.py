"""What a mapping file asks for, as plain data: it travels with the options of a run and with the columns themselves.

The file's form stands in docs/mapping.md; `migration.mapping_file.mapping_file_reader` reads and checks it,
`migration.mapping_file.mapping_file_application` lays it over what a source declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NulPolicy(StrEnum):
    """What becomes of the character NUL in texts, which PostgreSQL cannot store."""

    STRIP = "strip"
    QUARANTINE = "quarantine"
    REPLACE = "replace"


class Normalisation(StrEnum):
    """A deliberate change of texts, in the order in which they are made."""

    NFC = "nfc"  # Unicode's composed form
    TRIM = "trim"  # no white space at either end
    LOWER = "lower"
    EMPTY_TO_NULL = "empty_to_null"


class EpochUnit(StrEnum):
    """What the numbers of a date column count; without a year, since 1970 (`value_conversion/number_epochs.py`)."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    JULIAN = "julian"  # days, as SQLite's julianday() gives them
    MICROSECONDS_1601 = "us1601"  # Chrome
    FILETIME = "filetime"  # 100 nanoseconds since 1601: Windows
    TICKS = "ticks"  # 100 nanoseconds since the year 1: .NET
    SECONDS_2001 = "s2001"  # Core Data
    NANOSECONDS_2001 = "ns2001"
    SECONDS_1904 = "s1904"  # Macintosh
    DAYS = "days"  # since 1970: R
    DAYS_1899 = "days1899"  # OLE Automation: Excel, Access, Delphi


class OnOrphan(StrEnum):
    """What becomes of rows whose foreign key points at no row."""

    NOT_VALID = "not-valid"  # they stay, and the constraint holds for new rows only
    QUARANTINE = "quarantine"  # they are kept in the ledger, and the rows that this orphans, too
    SET_NULL = "set-null"  # they lose the reference; refused where the columns must have a value


class OnConflict(StrEnum):
    """Whose row counts where one of another content stands under its key (`--if-exists merge`)."""

    ABORT = "abort"  # nobody's: nothing is changed
    SOURCE = "source"  # it takes the place of the target's
    TARGET = "target"  # the target's stays; a loss


@dataclass(frozen=True, slots=True)
class ColumnOverride:
    """What the user wants of one column. None, or empty: nothing, so that the profile decides."""

    column: str
    rename: str | None = None
    type: str | None = None
    rules: tuple[tuple[str, str], ...] = ()
    """(storage class, name of a rule in mapping/rules, or `quarantine`)."""
    default: str | None = None
    """PostgreSQL's SQL; an empty text takes the default away."""
    skip: bool = False
    nul: NulPolicy | None = None
    nul_replacement: str = ""
    normalise: tuple[Normalisation, ...] = ()
    expression: str | None = None
    """SQLite's SQL over the columns of the table, which takes the place of the column's value."""
    epoch: EpochUnit | None = None
    timezone: str | None = None
    optional: bool = False
    """A profile of an application names it, which knows several versions: no error where it is not there."""

    @property
    def fixes_type(self) -> bool:
        """Whether the profile has no word on the type: values that do not fit are quarantined."""
        return self.type is not None or bool(self.rules) or self.epoch is not None


@dataclass(frozen=True, slots=True)
class TableOverride:
    """What the user wants of one table. `source` is a label; None: every source that has the table."""

    table: str
    source: str | None = None
    rename: str | None = None
    skip: bool = False
    key: tuple[str, ...] = ()
    """The columns that identify a row; empty: chosen from its keys."""
    on_orphan: OnOrphan | None = None
    """None: as the run's options say."""
    columns: tuple[ColumnOverride, ...] = ()
    optional: bool = False
    """As of a column."""


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A whole mapping file. `name` is for messages; the file itself is not read again."""

    name: str
    tables: tuple[TableOverride, ...] = ()
    sha256: str = ""
    """Of its bytes, or of the JSON that a request brought in their place."""
    is_profile: bool = False
    """Nobody gave a file: all of it is from the profile of an application, and `name` is the profile's."""
