"""What works in PostgreSQL where one of its limits is met: an index on hashes, a table in parts."""

from __future__ import annotations

import re
from typing import Final

from migration.model import ColumnPlan, TablePlan, TargetObject, ValueKind
from migration.schema_translation.postgres_limits import MOST_COLUMNS_OF_INDEX
from migration.source.sqlite_syntax import quote_name
from migration.source_schema import GeneratedKind, SourceTable
from migration.target.loading.index_and_constraint_creation import LIMIT_MET
from migration.target.sql_statements import quoted

_CREATE_INDEX = re.compile(
    r'^CREATE (?P<unique>UNIQUE )?INDEX (?:"(?:[^"]|"")*") ON .+?" \((?P<rest>.*)$', re.DOTALL
)
_KEY = re.compile(r"(?:UNIQUE|PRIMARY KEY) \((?P<terms>.*)\)$", re.DOTALL)
_ORDER = re.compile(r"( DESC)?( NULLS (FIRST|LAST))?$")
_BY_HASH: Final = {ValueKind.TEXT: "{}", ValueKind.BYTES: "{}", ValueKind.JSON: "{}::text"}
# Expressions of an index must give the same for ever, which texts of times in the session's zone do not.
_AS_TEXT: Final = {
    ValueKind.TEXT: "{}",
    ValueKind.BYTES: "encode({}, 'hex')",
    ValueKind.DATE: "({} - DATE '2000-01-01')::text",
    ValueKind.TIME: "extract(epoch FROM {})::text",
    ValueKind.TIMESTAMP: "extract(epoch FROM {})::text",
    ValueKind.TIMESTAMPTZ: "extract(epoch FROM {} AT TIME ZONE 'UTC')::text",
}
_COLUMNS_OF_A_PART: Final = 300
"""Of any type a row of so many fits into a page; a key adds a few."""


def draft_of_limited(item: TargetObject, plan: TablePlan, reason: str) -> str:
    """Return an index that PostgreSQL takes in place of one that met a limit; empty where the reason is another one."""
    if LIMIT_MET not in reason or item.kind not in {"index", "unique constraint", "primary key"}:
        return ""
    terms, condition, is_unique = _parts_of(item)
    if not terms:
        return ""
    table = quoted(plan.target_schema, item.table)
    named = {quoted(column.target_name): column for column in plan.columns}
    if len(terms) > MOST_COLUMNS_OF_INDEX:
        return (
            _of_many_columns(item, table, terms, condition, named)
            if is_unique
            else _of_the_first(item, table, terms, condition)
        )
    hashed = [_hashed(term, named) for term in terms]
    if is_unique:
        return (
            "-- Unique by hashes, since the values are too long. Queries say WHERE md5(column) = md5(value).\n"
            f"CREATE UNIQUE INDEX {quoted(item.name)} ON {table} ({', '.join(hashed)}){condition};"
        )
    if len(terms) == 1:
        term = _ORDER.sub("", terms[0])
        start = f"-- For queries by a beginning:\n-- CREATE INDEX ON {table} (left({term}, 500)){condition};"
        return (
            "-- For queries by equality, of values of any length:\n"
            f"CREATE INDEX {quoted(item.name)} ON {table} USING hash ({term}){condition};"
            + (f"\n{start}" if _kind_of(term, named) is ValueKind.TEXT else "")
        )
    return (
        "-- By hashes, since the values are too long. Queries say WHERE md5(column) = md5(value).\n"
        f"CREATE INDEX {quoted(item.name)} ON {table} ({', '.join(hashed)}){condition};"
    )


def _of_the_first(item: TargetObject, table: str, terms: list[str], condition: str) -> str:
    first = ", ".join(terms[:MOST_COLUMNS_OF_INDEX])
    return (
        f"-- Over the first {MOST_COLUMNS_OF_INDEX} of {len(terms)} columns, more than which no query needs.\n"
        f"CREATE INDEX {quoted(item.name)} ON {table} ({first}){condition};"
    )


def _of_many_columns(
    item: TargetObject, table: str, terms: list[str], condition: str, named: dict[str, ColumnPlan]
) -> str:
    parts = [
        _AS_TEXT.get(_kind_of(term, named) or ValueKind.TEXT, "{}::text").format(_bare(term))
        for term in terms
    ]
    # A NULL in any of them makes the whole NULL, and such rows are never equal: as UNIQUE has it.
    whole = " || ".join(f"md5({part})" for part in parts)
    return (
        f"-- Unique over {len(terms)} columns by one hash of theirs.\n"
        f"CREATE UNIQUE INDEX {quoted(item.name)} ON {table} (md5({whole})){condition};"
    )


def _parts_of(item: TargetObject) -> tuple[list[str], str, bool]:
    """Return the terms of a key or index, its condition with WHERE, and whether it is unique."""
    if key := _KEY.search(item.sql):
        return _split(key["terms"])[0], "", True
    found = _CREATE_INDEX.match(item.sql)
    if found is None:
        return [], "", False
    terms, rest = _split(found["rest"])
    return terms, rest, found["unique"] is not None


def _split(text: str) -> tuple[list[str], str]:
    """Split terms at the commas that stand outside of brackets and quotes, up to the bracket that closes them all."""
    terms: list[str] = []
    start, depth, quote = 0, 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "(":
            depth += 1
        elif character == ")" and depth == 0:
            return [*terms, text[start:place].strip()], text[place + 1 :]
        elif character == ")":
            depth -= 1
        elif character == "," and depth == 0:
            terms.append(text[start:place].strip())
            start = place + 1
    return [*terms, text[start:].strip()], ""


def _bare(term: str) -> str:
    return _ORDER.sub("", term)


def _kind_of(term: str, named: dict[str, ColumnPlan]) -> ValueKind | None:
    column = named.get(_bare(term))
    return column.kind if column is not None else None


def _hashed(term: str, named: dict[str, ColumnPlan]) -> str:
    """Return a term of an index by its hash, where its values can be long."""
    column = named.get(_bare(term))
    if column is not None:
        return f"md5({_BY_HASH[column.kind].format(_bare(term))})" if column.kind in _BY_HASH else term
    return f"md5(({_bare(term)})::text)" if any(name in term for name in named) else term


def draft_of_parts(table: SourceTable) -> str:
    """Return how a table with too many columns becomes several that share its key: SQL for a copy of the source."""
    key = [column for column in table.columns if column.pk_position]
    names = [quote_name(column.name) for column in key] or [quote_name(table.rowid_name or "rowid")]
    types = [f"{name} {column.declared_type}".rstrip() for name, column in zip(names, key, strict=False)]
    types = types or [f"{names[0]} INTEGER"]
    rest = [c for c in table.columns if not c.pk_position and c.generated is GeneratedKind.NO]
    lines = [
        f"-- As tables of {_COLUMNS_OF_A_PART} columns that share the key. In SQLite, on a copy of the file:"
    ]
    parts: list[str] = []
    for start in range(0, len(rest), _COLUMNS_OF_A_PART):
        columns = rest[start : start + _COLUMNS_OF_A_PART]
        part = f"{table.name}_{len(parts) + 1}"
        declared = [f"{quote_name(c.name)} {c.declared_type}".rstrip() for c in columns]
        chosen = ", ".join((*names, *(quote_name(c.name) for c in columns)))
        lines.append(
            f"--     CREATE TABLE {quote_name(part)} ({', '.join((*types, *declared))},"
            f" PRIMARY KEY ({', '.join(names)}));"
        )
        lines.append(f"--     INSERT INTO {quote_name(part)} SELECT {chosen} FROM {quote_name(table.name)};")
        parts.append(part)
    lines.append(
        f"-- Then migrate the copy with --tables {','.join(parts)}. Columns that few rows fill, or that repeat,"
    )
    lines.append("-- are better one column of JSON, which becomes jsonb.")
    return "\n".join(lines)
