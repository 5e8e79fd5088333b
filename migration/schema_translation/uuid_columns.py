"""Which columns of a source become `uuid`: those that hold nothing else, with all that refer to each other alike.

A foreign key needs one type on both sides, so columns are judged in groups: all that foreign keys connect. A group
becomes `uuid` where a declaration asks for it, every value of every column is a UUID in one spelling, and so can be had
back, and nothing in the schema treats one of them as text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from migration.model import ColumnProfile, StorageClass, ValueKind
from migration.source_schema import GeneratedKind
from migration.sqlite_names import folded
from migration.value_conversion.rules import Misfit
from migration.value_conversion.rules.uuid_rules import read_uuid
from migration.value_conversion.uuid_shapes import EXAMPLES, VERSIONED, all_blobs_are_uuids, blob_rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migration.model import ColumnPlan
    from migration.source_schema import SourceColumn, SourceSchema, SourceTable

Place: TypeAlias = "tuple[str, str]"
"""Table and column, in lower case."""

_SAYS_UUID: Final = frozenset({"UUID", "GUID", "UNIQUEIDENTIFIER"})
_HAS_ROOM: Final = re.compile(
    r"(?:(?:NATIVE )?CHAR(?:ACTER)?|N?CHAR|N?VARCHAR2?|(?:CHARACTER|CHAR) VARYING|VARYING CHARACTER) ?\( ?36 ?\)"
    r"|(?:N?CHAR|CHARACTER) ?\( ?32 ?\)"
)
_TEXT_LITERAL: Final = re.compile(r"\(*'(.*)'\)*", re.DOTALL)
_FEWEST_WITHOUT_HYPHENS: Final = 4
"""So many texts of 32 digits must look like UUIDs where nothing else says it: one in eight hashes does, too."""
_NAMED_AS_KEY: Final = re.compile(r"(?i:(?:^|_)(?:id|uid|uuid|guid))$|(?:Id|ID|Uuid|UUID|Guid|GUID)$")
# Of these, whose parentheses hold what stays what it is; all other words before one are functions.
_PLAIN_WORDS: Final = (
    r"(?:count|in|and|or|on|where|using|from|join|values|over|by|select|exists|not|as|with|union|all)"
)


@dataclass(frozen=True, slots=True)
class UuidChoice:
    """`example` is a UUID in the spelling of the column's texts."""

    example: str
    because: str


@dataclass(frozen=True, slots=True)
class UuidColumns:
    """What was found about the columns of a source: those that become `uuid`, and why others do not."""

    chosen: Mapping[Place, UuidChoice]
    notes: Mapping[Place, str]


@dataclass(frozen=True, slots=True)
class _Member:
    place: Place
    table: SourceTable
    column: SourceColumn
    profile: ColumnProfile

    @property
    def texts(self) -> int:
        return self.profile.count(StorageClass.TEXT)

    @property
    def numbers(self) -> int:
        return self.profile.count(StorageClass.INTEGER) + self.profile.count(StorageClass.REAL)

    @property
    def blobs(self) -> int:
        return self.profile.count(StorageClass.BLOB)

    @property
    def says_uuid(self) -> bool:
        return says_uuid(self.column.declared_type)

    @property
    def is_asked(self) -> bool:
        """Whether the mapping file asks for the type."""
        return self.column.override is not None and self.column.override.type == "uuid"


def says_uuid(declared_type: str) -> bool:
    """Tell whether a declaration says that a column holds UUIDs.

    >>> says_uuid("uuid"), says_uuid("CHAR(36)")
    (True, False)
    """
    return declared_type.strip().upper() in _SAYS_UUID


def uuid_columns(
    tables: Sequence[SourceTable],
    profiles: Mapping[str, Mapping[str, ColumnProfile]],
    schema: SourceSchema,
) -> UuidColumns:
    """Judge all columns of the tables that are migrated, together with those that foreign keys connect them to.

    Args:
        tables: those that are migrated, with what a mapping file asks for.
        profiles: table name → column name → profile.
        schema: of the whole source, for its views.
    """
    members = {
        member.place: member
        for table in tables
        for member in (
            _Member(
                (folded(table.name), folded(column.name)),
                table,
                column,
                profiles.get(table.name, {}).get(column.name, ColumnProfile()),
            )
            for column in table.columns
        )
    }
    views = [item.sql or "" for item in schema.objects if item.kind == "view"]
    chosen: dict[Place, UuidChoice] = {}
    notes: dict[Place, str] = {}
    for group in _groups(members, tables):
        if not any(m.says_uuid or m.is_asked or _has_room(m) for m in group):
            continue
        problem = next(_problems(group, views), "")
        example = EXAMPLES[_spelling(group) or "lower"]
        for member in group:
            if problem:
                if member.says_uuid:
                    notes[member.place] = f"not uuid: {problem}"
            elif not member.is_asked:
                chosen[member.place] = UuidChoice(example, _because(member, group))
    return UuidColumns(chosen, notes)


def as_uuid(plan: ColumnPlan, choice: UuidChoice, profile: ColumnProfile) -> ColumnPlan:
    """Return the plan of a column that becomes `uuid`, from the one that it would have had."""
    by_class = {StorageClass.TEXT: "text_to_uuid", StorageClass.BLOB: blob_rule(profile)}
    rules = {c: rule for c, rule in by_class.items() if profile.count(c)}
    dropped = plan.reason.partition("; NOT NULL dropped")
    return replace(
        plan,
        target_type="uuid",
        kind=ValueKind.UUID,
        rules=rules or {StorageClass.TEXT: "text_to_uuid"},
        reason=choice.because + dropped[1] + dropped[2],
        time_example=choice.example,
    )


def _groups(members: Mapping[Place, _Member], tables: Sequence[SourceTable]) -> Iterator[list[_Member]]:
    """Yield the columns in groups: all that foreign keys connect, directly or through others."""
    leader = {place: place for place in members}

    def lead(place: Place) -> Place:
        while leader[place] != place:
            place = leader[place]
        return place

    by_name = {folded(table.name): table for table in tables}
    for table in tables:
        for key in table.foreign_keys:
            parent = by_name.get(folded(key.parent_table))
            theirs = key.parent_columns or (parent.primary_key if parent is not None else ())
            for ours, name in zip(key.columns, theirs, strict=False):
                child = (folded(table.name), folded(ours))
                place = (folded(key.parent_table), folded(name))
                if child in members and place in members:
                    leader[lead(child)] = lead(place)
    groups: dict[Place, list[_Member]] = {}
    for place, member in members.items():
        groups.setdefault(lead(place), []).append(member)
    yield from groups.values()


def _has_room(member: _Member) -> bool:
    declared = " ".join(member.column.declared_type.upper().split())
    return bool(member.texts) and _HAS_ROOM.fullmatch(declared) is not None


def _spelling(group: Sequence[_Member]) -> str | None:
    """Return the name of the one spelling that the texts of all columns have; of no texts, the canonical one."""
    texts = [member for member in group if member.texts]
    return next((n for n in EXAMPLES if all(m.profile.uuid_shapes.get(n, 0) == m.texts for m in texts)), None)


def _problems(group: Sequence[_Member], views: Sequence[str]) -> Iterator[str]:
    """Yield why a group holds others than UUIDs, or needs them as they are."""
    yield from (_why_numbers(member) for member in group if member.numbers)
    texts, blobs = [m for m in group if m.texts], [m for m in group if m.blobs]
    is_said = any(m.says_uuid or m.is_asked for m in group)
    if texts and blobs:
        yield "some values are texts, others blobs"
    if not all(all_blobs_are_uuids(member.profile) for member in blobs):
        yield "it holds blobs that have not 16 bytes"
    if blobs and not is_said:
        yield "no declaration says it"
    name = _spelling(group)
    if name is None:
        yield "not all its texts are UUIDs in one spelling"
    elif name.endswith("hex") and not is_said and not _look_like_uuids(texts):
        yield "texts of 32 digits may be anything"
    for member in group:
        problem = _needs_text(member, views)
        if problem:
            yield problem


def _look_like_uuids(members: Sequence[_Member]) -> bool:
    texts = sum(m.texts for m in members)
    versioned = sum(m.profile.uuid_shapes.get(VERSIONED, 0) for m in members)
    is_named = all(_NAMED_AS_KEY.search(m.column.name) for m in members)
    return texts == versioned >= (1 if is_named else _FEWEST_WITHOUT_HYPHENS)


def _why_numbers(member: _Member) -> str:
    if member.says_uuid and not _is_text_by_affinity(member.column.declared_type):
        return (
            f"{member.numbers:,} values are numbers: {member.column.declared_type} is a number to SQLite, which has"
            " turned UUIDs of digits, such as 1e5..., into numbers; what they were is lost"
        )
    return f"{member.numbers:,} values are numbers"


def _is_text_by_affinity(declared_type: str) -> bool:
    return any(word in declared_type.upper() for word in ("CHAR", "CLOB", "TEXT"))


def _needs_text(member: _Member, views: Sequence[str]) -> str:
    """Return what in the schema needs a column as text; empty where nothing does."""
    column, table = member.column, member.table
    asked = column.override
    if (
        asked is not None
        and not member.is_asked
        and (asked.fixes_type or asked.normalise or asked.expression)
    ):
        return f"the mapping file says otherwise of {table.name}.{column.name}"
    if column.generated is not GeneratedKind.NO or column.name == table.rowid_alias:
        return f"{table.name}.{column.name} is computed"
    default = _TEXT_LITERAL.fullmatch((column.default_sql or "").strip())
    if default is not None and not _is_uuid(default[1]):
        return f"the default of {table.name}.{column.name} is none"
    said = [check.sql for check in table.checks]
    said += [index.where_sql for index in table.indexes if index.where_sql]
    said += [term.sql for index in table.indexes for term in index.columns if term.sql]
    said += [other.generated_sql for other in table.columns if other.generated_sql]
    name = re.escape(column.name)
    if any(re.search(rf"\b{name}\b", sql, re.IGNORECASE) for sql in said):
        return f"a check, an index or a generated column computes with {table.name}.{column.name}"
    mentions_table = re.compile(rf"\b{re.escape(table.name)}\b", re.IGNORECASE)
    computes = re.compile(
        rf"\b(?!{_PLAIN_WORDS}\b)\w+\s*\([^()]*\b{name}\b|\b{name}\b[\"`\]]?\s*(?:\|\||LIKE\b|GLOB\b|COLLATE\b)"
        rf"|\|\|\s*[\w\"`\[.]*\b{name}\b",
        re.IGNORECASE,
    )
    if any(mentions_table.search(sql) and computes.search(sql) for sql in views):
        return f"a view computes with {table.name}.{column.name}"
    return ""


def _is_uuid(text: str) -> bool:
    try:
        read_uuid(text)
    except Misfit:
        return False
    return True


def _because(member: _Member, group: Sequence[_Member]) -> str:
    declared = member.column.declared_type or "No declared type"
    holds = (
        "holds only UUIDs" if member.texts else "holds only blobs of 16 bytes" if member.blobs else "is empty"
    )
    if member.says_uuid or _has_room(member):
        return f"{declared} {holds}: uuid"
    other = next(m for m in group if m.says_uuid or m.is_asked or _has_room(m))
    return f"{declared} {holds}: uuid like {other.table.name}.{other.column.name}"
