"""What PostgreSQL holds no more of: one table of its limits, and the bounds that tell where to ask the server.

The server decides, always: these figures only say where it is worth asking, before anything is copied. They are those
of a server with pages of 8 KiB, as nearly all are; https://www.postgresql.org/docs/current/limits.html
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from migration.identifiers import quote_identifier
from migration.model import ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import ColumnPlan, ColumnProfile, TablePlan, TargetObject


class KnownFrom(StrEnum):
    """What tells, before a row is copied, that a limit is met."""

    SCHEMA = "schema"  # what the source declares; the server tries it in a transaction that is rolled back
    PROFILE = "profile"  # how long the values are; the server tries those rows
    SERVER = "server"  # a setting of this server, beside what the run needs of it


class StaysBehind(StrEnum):
    """What does not arrive where a limit is met. All else does."""

    TABLE = "table"
    ROW = "row"
    OBJECT = "index"
    NAME = "end of the name"
    TYPE = "type"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit. `question` is SQL whose answer is this server's own value; empty where all servers have `value`."""

    name: str
    value: int | None
    question: str
    known_from: KnownFrom
    stays_behind: StaysBehind
    instead: str


MOST_BYTES_OF_ROW: Final = 8_160
MOST_BYTES_OF_INDEX_ENTRY: Final = 2_704
MOST_COLUMNS_OF_INDEX: Final = 32
_BLOCK: Final = "current_setting('block_size')::int"

LIMITS: Final = (
    Limit(
        "columns of a table", 1_600, "", KnownFrom.SCHEMA, StaysBehind.TABLE,
        "several tables that share the key, or one jsonb column for what is seldom asked for",
    ),
    Limit(
        "bytes of a row once long values are stored apart", MOST_BYTES_OF_ROW, f"SELECT {_BLOCK} - 32",
        KnownFrom.PROFILE, StaysBehind.ROW, "several tables that share the key, an array or jsonb for repeated columns",
    ),
    Limit(
        "bytes of an entry in a btree index", MOST_BYTES_OF_INDEX_ENTRY,
        f"SELECT ({_BLOCK} - 56) / 3 / 8 * 8 - 8", KnownFrom.PROFILE, StaysBehind.OBJECT,
        "an index on md5() of the value, or a hash index",
    ),
    Limit(
        "columns of an index", MOST_COLUMNS_OF_INDEX, "SELECT current_setting('max_index_keys')::int",
        KnownFrom.SCHEMA, StaysBehind.OBJECT, "an index on md5() of the columns together, or on fewer columns",
    ),
    Limit(
        "bytes of a value", 1_073_741_823, "", KnownFrom.PROFILE, StaysBehind.ROW,
        "parts of the value, or a file beside the database",
    ),
    Limit(
        "bytes of a row before long values are stored apart", 1_073_741_823, "", KnownFrom.PROFILE, StaysBehind.ROW,
        "the long columns in a table of their own",
    ),
    Limit(
        "bytes of a string or of all elements in jsonb", 268_435_455, "", KnownFrom.PROFILE, StaysBehind.ROW,
        "the column as text (--mapping)",
    ),
    Limit(
        "levels of a document in jsonb", None, "SELECT current_setting('max_stack_depth')", KnownFrom.PROFILE,
        StaysBehind.TYPE, "the column as text, which Convoy chooses by itself",
    ),
    Limit(
        "bytes of a name", 63, "SELECT current_setting('max_identifier_length')::int", KnownFrom.SCHEMA,
        StaysBehind.NAME, "a shorter name that no other has; the report says which",
    ),
    Limit(
        "columns of a query, such as a view's", 1_664, "", KnownFrom.SCHEMA, StaysBehind.OBJECT,
        "several views",
    ),
    Limit(
        "locks of a transaction", None,
        "SELECT current_setting('max_locks_per_transaction')::bigint * (current_setting('max_connections')::bigint"
        " + current_setting('max_prepared_transactions')::bigint)",
        KnownFrom.SERVER, StaysBehind.RUN, "a larger max_locks_per_transaction, or fewer tables at a time (--tables)",
    ),
)  # fmt: skip
"""Every limit that a run can meet; docs/limits.md shows this table."""

# A value that is stored apart leaves a pointer of 18 bytes behind, aligned; others are smaller, or of fixed size.
# https://www.postgresql.org/docs/current/storage-toast.html
_MOST_BYTES_IN_ROW: Final = 24
_HEADER_BYTES: Final = 24
_FIXED_BYTES: Final = 16
_LENGTH_BYTES: Final = 8
# Numbers of a document take up to six times as much in jsonb: `1,` is an entry of four bytes and a numeric of eight.
_ASK_ABOUT_JSON_BYTES: Final = 32 << 20
_ASK_ABOUT_BYTES: Final = 256 << 20
_OF_ANY_LENGTH: Final = frozenset({ValueKind.TEXT, ValueKind.BYTES, ValueKind.JSON, ValueKind.NUMERIC})
_MANY_DIGITS: Final = 400
"""Characters of a numeric that may come from a double or a decimal of common use."""


def may_refuse_rows(plan: TablePlan, profiles: Mapping[str, ColumnProfile]) -> bool:
    """Tell whether the server may refuse rows of a table for their size; where not, none of them is too large."""
    bound = _HEADER_BYTES + len(plan.columns) // 8
    whole = 0
    for column in plan.columns:
        longest = _longest(column, profiles)
        whole += longest
        varies = column.kind in _OF_ANY_LENGTH or column.cast_to
        bound += min(longest + _LENGTH_BYTES, _MOST_BYTES_IN_ROW) if varies else _FIXED_BYTES
        if column.kind is ValueKind.JSON and longest > _ASK_ABOUT_JSON_BYTES:
            return True
    return bound > MOST_BYTES_OF_ROW or whole > _ASK_ABOUT_BYTES


def _longest(column: ColumnPlan, profiles: Mapping[str, ColumnProfile]) -> int:
    profile = profiles.get(column.name)
    longest = profile.longest_bytes if profile is not None else 0
    return max(longest, _MANY_DIGITS) if column.kind is ValueKind.NUMERIC else longest


def may_refuse_entries(
    columns: Sequence[ColumnPlan], profiles: Mapping[str, ColumnProfile], sql: str = ""
) -> bool:
    """Tell whether values may be too long for an index that this SQL builds, or for any index over the columns."""
    named = [column for column in columns if not sql or quote_identifier(column.target_name) in sql]
    return (
        sum(_longest(column, profiles) + _LENGTH_BYTES for column in named) > MOST_BYTES_OF_INDEX_ENTRY // 2
    )


def entries_at_risk(plan: TablePlan, profiles: Mapping[str, ColumnProfile]) -> tuple[TargetObject, ...]:
    """Return the keys and indexes of a table for which values may be too long."""
    return tuple(
        item
        for item in plan.objects
        if item.sql
        and item.kind in {"index", "unique constraint", "primary key"}
        and may_refuse_entries(plan.columns, profiles, item.sql)
    )
