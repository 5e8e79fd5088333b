"""What can be found: each kind with the part of the verdict that it speaks of, and whether it is advice alone.

This table is what status, verdict, JUnit file and docs/validation.md go by; nothing else decides it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class VerdictPart(StrEnum):
    """What a verdict is about; each part is equal, differs or was not checked."""

    ROWS = "rows"  # the same rows stand on both sides
    VALUES = "values"  # and hold the same values
    SCHEMA = "schema"  # in tables that take and refuse the same


class FindingWeight(StrEnum):
    """What a finding does to the exit status."""

    DIFFERENCE = "difference"  # 1
    ADVICE = "advice"  # 0: worth knowing, and nothing differs
    IGNORED = "ignored"  # 0: somebody said with --ignore that it is wanted


class FindingKind(StrEnum):
    """The typed results of validation and of building constraints."""

    MISSING_TABLE = "missing_table"
    MISSING_COLUMN = "missing_column"
    TYPE_MISMATCH = "type_mismatch"
    ROW_COUNT = "row_count"
    MISSING_ROW = "missing_row"
    EXTRA_ROW = "extra_row"
    DIFFERING_ROW = "differing_row"
    DIGEST_MISMATCH = "digest_mismatch"
    CONSERVATION = "conservation"
    ORPHAN_ROWS = "orphan_rows"
    MISSING_CONSTRAINT = "missing_constraint"
    SEQUENCE = "sequence"
    SEQUENCE_END = "sequence_end"
    SEQUENCE_UNNAMED = "sequence_unnamed"  # an application asks it for numbers in its code
    LOSSY_VALUE = "lossy_value"  # the source's value cannot be had back from the target's
    SKIPPED_OBJECT = "skipped_object"  # did not come along
    CHANGED_AT_CUTOVER = "changed_at_cutover"  # by an event trigger of the database
    DROPPED_OBJECT = "dropped_object"  # belonged to a replaced table; was signed for with --drop-dependents
    FIRST_WRITE_FAILS = (
        "first_write_fails"  # the application's first INSERT after the cutover would be refused
    )
    TRIGGER_FIRED = "trigger_fired"  # one of the application's, while rows went in
    DAMAGED_RANGE = "damaged_range"  # rows of a damaged source that nobody can read any more
    HIDDEN_ROWS = "hidden_rows"
    CHILD_ROWS = "child_rows"
    EXTRA_TABLE = "extra_table"
    EXTRA_COLUMN = "extra_column"
    RELATION_KIND = "relation_kind"
    TYPE_NARROWER = "type_narrower"
    TYPE_WIDER = "type_wider"
    TYPE_STRICTER = "type_stricter"
    TYPE_OTHER = "type_other"
    DOMAIN = "domain"
    UNLOGGED = "unlogged"
    COLLATION = "collation"
    NOT_NULL = "not_null"
    DEFAULT = "default"
    IDENTITY = "identity"
    GENERATED = "generated"
    PRIMARY_KEY = "primary_key"
    UNIQUE = "unique"
    UNIQUE_NULLS = "unique_nulls"
    KEY_DEFERRABLE = "key_deferrable"
    CHECK = "check"
    FOREIGN_KEY = "foreign_key"
    FOREIGN_KEY_NOT_VALID = "foreign_key_not_valid"
    FOREIGN_KEY_ACTION = "foreign_key_action"
    INDEX = "index"
    INDEX_INVALID = "index_invalid"
    INDEX_PARTIAL = "index_partial"
    INDEX_EXPRESSION = "index_expression"
    INDEX_COLLATION = "index_collation"
    INDEX_METHOD = "index_method"
    INDEX_OPERATORS = "index_operators"
    EXTRA_CONSTRAINT = "extra_constraint"
    EXTRA_INDEX = "extra_index"
    EXTRA_TRIGGER = "extra_trigger"
    PARTITION_BOUNDS = "partition_bounds"
    VIEW = "view"
    ROW_SECURITY = "row_security"
    OWNER = "owner"
    OWNER_RIGHTS = "owner_rights"
    PUBLIC_GRANT = "public_grant"
    SCHEMA_NOT_COMPARED = "schema_not_compared"
    SCHEMA_ONLY_BUILT = "schema_only_built"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class KindFacts:
    """What holds for all findings of a kind. `meaning` is what docs/validation.md says of it."""

    part: VerdictPart
    meaning: str
    is_advice: bool = False


_ROWS, _VALUES, _SCHEMA = VerdictPart.ROWS, VerdictPart.VALUES, VerdictPart.SCHEMA
_K = FindingKind

KIND_FACTS: Final[Mapping[FindingKind, KindFacts]] = {
    _K.MISSING_TABLE: KindFacts(_ROWS, "the target has no table for one of the source"),
    _K.ROW_COUNT: KindFacts(_ROWS, "the two sides hold different numbers of rows"),
    _K.MISSING_ROW: KindFacts(_ROWS, "a row of the source does not stand in the target; named by its key"),
    _K.EXTRA_ROW: KindFacts(_ROWS, "a row stands in the target alone; named by its key"),
    _K.DIGEST_MISMATCH: KindFacts(_ROWS, "sums up how many rows of a table are missing, extra or different"),
    _K.CONSERVATION: KindFacts(_ROWS, "rows read are not rows loaded and quarantined"),
    _K.DAMAGED_RANGE: KindFacts(_ROWS, "rows of a damaged source that cannot be read"),
    _K.HIDDEN_ROWS: KindFacts(
        _ROWS, "row level security hides rows from the role that reads, so nothing can be proved"
    ),
    _K.CHILD_ROWS: KindFacts(_ROWS, "rows stand in an inheritance child instead of the table itself"),
    _K.MISSING_COLUMN: KindFacts(_VALUES, "a column of the source does not stand in the target's table"),
    _K.TYPE_MISMATCH: KindFacts(_VALUES, "values cannot stand in the target's type, or not be compared"),
    _K.DIFFERING_ROW: KindFacts(
        _VALUES, "a row holds other values; named by its key, with both values of each column"
    ),
    _K.LOSSY_VALUE: KindFacts(
        _VALUES, "values of the source cannot be had back from the target's; `--accept` signs for them"
    ),
    _K.ORPHAN_ROWS: KindFacts(_SCHEMA, "rows without a parent, for which a foreign key is NOT VALID"),
    _K.MISSING_CONSTRAINT: KindFacts(_SCHEMA, "a key, index or constraint could not be built"),
    _K.SEQUENCE: KindFacts(
        _SCHEMA,
        "a sequence would give out a number that is taken, that AUTOINCREMENT has given out, or that finds no"
        " partition; or it counts down, begins anew (CYCLE), or ends too early: before its column's numbers do, or in"
        " steps so long that fewer than 100 are left",
    ),
    _K.SEQUENCE_END: KindFacts(
        _SCHEMA,
        "a sequence of a bigint column ends where integers do, as one does that was made for an integer",
        is_advice=True,
    ),
    _K.SEQUENCE_UNNAMED: KindFacts(
        _SCHEMA,
        "a sequence of which no column takes numbers stays where it is (`--data-only`): the application sets it",
        is_advice=True,
    ),
    _K.EXTRA_TABLE: KindFacts(
        _SCHEMA, "the schema holds a table or view that the source has not", is_advice=True
    ),
    _K.EXTRA_COLUMN: KindFacts(_SCHEMA, "the table holds a column that the source has not"),
    _K.RELATION_KIND: KindFacts(_SCHEMA, "a view or a foreign table stands where the source has a table"),
    _K.TYPE_NARROWER: KindFacts(_SCHEMA, "the column holds less than it would: real, varchar(10) for text"),
    _K.TYPE_WIDER: KindFacts(
        _SCHEMA, "the column holds all that it would, and more: bigint for integer", is_advice=True
    ),
    _K.TYPE_STRICTER: KindFacts(
        _SCHEMA,
        "a special type for a column that is declared in general words: uuid for TEXT, boolean for INTEGER",
        is_advice=True,
    ),
    _K.TYPE_OTHER: KindFacts(_SCHEMA, "another type: timestamp for timestamptz, text for integer"),
    _K.DOMAIN: KindFacts(_SCHEMA, "the column has a domain, which may refuse what the source takes"),
    _K.COLLATION: KindFacts(_SCHEMA, "the column sorts and compares by a collation of its own"),
    _K.UNLOGGED: KindFacts(_SCHEMA, "the table or a partition is UNLOGGED: a crash of the server empties it"),
    _K.NOT_NULL: KindFacts(_SCHEMA, "NOT NULL stands on one side alone"),
    _K.DEFAULT: KindFacts(_SCHEMA, "the default is missing, another one, or stands in the target alone"),
    _K.IDENTITY: KindFacts(_SCHEMA, "the column gives itself numbers on one side alone"),
    _K.GENERATED: KindFacts(_SCHEMA, "the column is computed on one side alone, or by another expression"),
    _K.PRIMARY_KEY: KindFacts(_SCHEMA, "no primary key, or a unique key in its place"),
    _K.UNIQUE: KindFacts(_SCHEMA, "a unique key is missing"),
    _K.UNIQUE_NULLS: KindFacts(_SCHEMA, "a unique key takes NULL once only (NULLS NOT DISTINCT)"),
    _K.KEY_DEFERRABLE: KindFacts(
        _SCHEMA,
        "a primary or unique key is DEFERRABLE: it is checked later, and ON CONFLICT does not take it",
    ),
    _K.CHECK: KindFacts(_SCHEMA, "a CHECK is missing, another one, or NOT VALID"),
    _K.FOREIGN_KEY: KindFacts(_SCHEMA, "a foreign key is missing"),
    _K.FOREIGN_KEY_NOT_VALID: KindFacts(
        _SCHEMA, "a foreign key is NOT VALID or not enforced, or its triggers are disabled"
    ),
    _K.FOREIGN_KEY_ACTION: KindFacts(
        _SCHEMA, "a foreign key does something else on DELETE or UPDATE, or takes other NULLs (MATCH FULL)"
    ),
    _K.INDEX: KindFacts(_SCHEMA, "an index is missing"),
    _K.INDEX_INVALID: KindFacts(_SCHEMA, "an index is invalid: PostgreSQL neither uses nor trusts it"),
    _K.INDEX_PARTIAL: KindFacts(_SCHEMA, "an index leaves out other rows than the source's"),
    _K.INDEX_EXPRESSION: KindFacts(_SCHEMA, "an index is over another expression"),
    _K.INDEX_COLLATION: KindFacts(_SCHEMA, "an index sorts and compares by another collation"),
    _K.INDEX_METHOD: KindFacts(_SCHEMA, "an index is of another method, such as hash or brin"),
    _K.INDEX_OPERATORS: KindFacts(
        _SCHEMA, "an index sorts and compares by another operator class, such as text_pattern_ops"
    ),
    _K.EXTRA_CONSTRAINT: KindFacts(_SCHEMA, "a key or constraint of the target alone: it refuses more"),
    _K.EXTRA_INDEX: KindFacts(_SCHEMA, "an index of the target alone", is_advice=True),
    _K.EXTRA_TRIGGER: KindFacts(
        _SCHEMA, "a trigger or rule that the source has not acts when somebody writes into a table or view"
    ),
    _K.PARTITION_BOUNDS: KindFacts(
        _SCHEMA,
        "the table is partitioned without a default partition: rows beyond its partitions are refused",
        is_advice=True,
    ),
    _K.SKIPPED_OBJECT: KindFacts(
        _SCHEMA,
        "a view, trigger, index, primary key or generated column did not come along as such;"
        " `--accept skipped:KIND` signs for it",
    ),
    _K.CHANGED_AT_CUTOVER: KindFacts(
        _SCHEMA,
        "an event trigger of the database has changed the table while it was put in place",
    ),
    _K.DROPPED_OBJECT: KindFacts(
        _SCHEMA, "an object of a replaced table was left behind, as `--drop-dependents` allowed"
    ),
    _K.FIRST_WRITE_FAILS: KindFacts(
        _SCHEMA,
        "what an application does first is refused: an INSERT of defaults after the cutover, or, for want of a replica"
        " identity, every UPDATE and DELETE",
    ),
    _K.TRIGGER_FIRED: KindFacts(
        _VALUES, "triggers of the application fired while rows went in, as `--fire-triggers` allowed"
    ),
    _K.VIEW: KindFacts(
        _SCHEMA,
        "a view is missing, cannot be read by others, or is another query: in other words, and other relations are"
        " read, other rows given, or none",
    ),
    _K.ROW_SECURITY: KindFacts(_SCHEMA, "row level security is on: roles see fewer rows than stand there"),
    _K.OWNER: KindFacts(_SCHEMA, "the table belongs to another role than the others of its schema"),
    _K.OWNER_RIGHTS: KindFacts(
        _SCHEMA, "the owner may not read or write the table or view itself, or not use its sequence"
    ),
    _K.PUBLIC_GRANT: KindFacts(
        _SCHEMA,
        "every role of the server may use the table, a column, partition or sequence of it, or the view",
    ),
    _K.SCHEMA_NOT_COMPARED: KindFacts(
        _SCHEMA, "the schema, or that of a table, could not be compared, and why: nothing is proved of it"
    ),
    _K.SCHEMA_ONLY_BUILT: KindFacts(
        _SCHEMA,
        "`migrate` has built the schema, or a table of it, and could not compare what stands with its plan, and why",
        is_advice=True,
    ),
    _K.NOT_CHECKED: KindFacts(_SCHEMA, "a detail could not be compared, and why", is_advice=True),
}


def can_be_ignored(kind: FindingKind) -> bool:
    """Whether `--ignore` may name a kind: what is said of rows and values is the proof itself."""
    return KIND_FACTS[kind].part is VerdictPart.SCHEMA


def weigh(kind: FindingKind, ignored: Collection[str] = ()) -> FindingWeight:
    """Return what findings of a kind do to the exit status. `ignored` holds values of `FindingKind`.

    >>> weigh(FindingKind.TYPE_WIDER), weigh(FindingKind.DEFAULT, ["default"]), weigh(FindingKind.DEFAULT)
    (<FindingWeight.ADVICE: 'advice'>, <FindingWeight.IGNORED: 'ignored'>, <FindingWeight.DIFFERENCE: 'difference'>)
    """
    facts = KIND_FACTS[kind]
    if kind.value in ignored and can_be_ignored(kind):
        return FindingWeight.IGNORED
    return FindingWeight.ADVICE if facts.is_advice else FindingWeight.DIFFERENCE


def counting_kinds(ignored: Collection[str] = ()) -> list[str]:
    """Return the kinds of which a single finding makes the exit status 1."""
    return [kind.value for kind in FindingKind if weigh(kind, ignored) is FindingWeight.DIFFERENCE]
