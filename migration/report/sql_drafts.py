"""Drafts in PostgreSQL's SQL of what SQLite has and Convoy does not translate: a start for a person, not a result."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from migration.model import TablePlan, TargetObject, ValueKind
from migration.source.create_virtual_table_parser import FULL_TEXT, R_TREES, VirtualText, read_create_virtual
from migration.target.sql_statements import quoted

_NAME: Final = r"""(?:"(?:[^"]|"")*"|\[[^\]]*\]|`[^`]*`|[\w$]+)"""
_TERMS = re.compile(rf"\bON\s+{_NAME}\s*(\(.*)$", re.IGNORECASE | re.DOTALL)
_VIEW = re.compile(
    rf"^\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:{_NAME}\s*\.\s*)?{_NAME}(.*)$",
    re.IGNORECASE | re.DOTALL,
)
_TRIGGER = re.compile(
    rf"(?P<when>\bBEFORE|\bAFTER|\bINSTEAD\s+OF|)\s+(?P<event>DELETE|INSERT|UPDATE)(?:\s+OF\s+(?P<columns>.+?))?"
    rf"\s+ON\s+(?P<table>{_NAME})(?P<rest>.*?)\bBEGIN\b(?P<body>.*)\bEND\b",
    re.IGNORECASE | re.DOTALL,
)
_R_TREE_MOST_COLUMNS: Final = 5


@dataclass(frozen=True, slots=True)
class DraftNames:
    """Where an object of a source belongs in the target."""

    schema: str
    tables: dict[str, TablePlan]
    """By lower-case source name."""

    def table(self, name: str) -> str:
        """Return a table of the source as SQL of the target; one that is not migrated keeps its name."""
        plan = self.tables.get(bare(name).lower())
        return quoted(plan.target_schema, plan.target_name) if plan else quoted(self.schema, bare(name))


def bare(name: str) -> str:
    """Return a name without SQLite's quotes.

    >>> bare('[my table]'), bare('"a""b"')
    ('my table', 'a"b')
    """
    first = name[:1]
    if first in {'"', "`"}:
        return name[1:-1].replace(first * 2, first)
    return name[1:-1] if first == "[" else name


def draft_of_planned(item: TargetObject, plan: TablePlan) -> str:
    """Return a draft of a key, index, check or foreign key that was planned for a table, or of a view."""
    if item.sql:  # translated, and refused by the server
        return item.sql.replace("{schema}", quoted(plan.target_schema)) + ";"
    table = quoted(plan.target_schema, item.table)
    if item.kind == "index":
        terms = _TERMS.search(item.source_sql)
        unique = "UNIQUE " if re.match(r"\s*(CREATE\s+)?UNIQUE\b", item.source_sql, re.IGNORECASE) else ""
        text = terms[1] if terms else item.source_sql[item.source_sql.find("(") :]
        return f"CREATE {unique}INDEX {quoted(item.name)} ON {table} {text};"
    return f"ALTER TABLE {table} ADD CONSTRAINT {quoted(item.name)} {item.source_sql};"


def draft_of_view(name: str, sql: str, where: DraftNames) -> str:
    """Return CREATE VIEW with the query as SQLite has it."""
    found = _VIEW.match(sql)
    rest = found[1].strip() if found else "AS SELECT ..."
    return f"CREATE VIEW {quoted(where.schema, name)} {rest.rstrip(';')};"


def draft_of_trigger(name: str, sql: str, where: DraftNames) -> str:
    """Return a trigger function with the body as SQLite has it, and the trigger that calls it."""
    found = _TRIGGER.search(sql)
    if found is None:
        return ""
    function = quoted(where.schema, name)
    when = re.sub(r"\s+", " ", found["when"].upper()) or "AFTER"
    columns = f" OF {found['columns']}" if found["columns"] else ""
    condition = re.search(r"\bWHEN\b(.*)$", found["rest"], re.IGNORECASE | re.DOTALL)
    when_clause = f"\n    WHEN ({condition[1].strip()})" if condition else ""
    body = "\n".join(f"    {line.strip()}" for line in found["body"].strip().splitlines())
    returned = "OLD" if found["event"].upper() == "DELETE" else "NEW"
    return (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = {quoted(where.schema)}\n"
        f"AS $convoy$\nBEGIN\n{body}\n"
        f"    RETURN {returned};\nEND\n$convoy$;\n"
        f"CREATE TRIGGER {quoted(name)} {when} {found['event'].upper()}{columns} ON {where.table(found['table'])}\n"
        f"    FOR EACH ROW{when_clause} EXECUTE FUNCTION {function}();"
    )


def draft_of_virtual(name: str, sql: str, where: DraftNames) -> str:
    """Return what does the work of a full-text or R-Tree table in PostgreSQL; nothing for other modules.

    It stands on the table that has the rows: the one of this name, that of an external-content table, or one that is
    yet to be made.
    """
    text = read_create_virtual(sql)
    rows = text.content or name
    plan = where.tables.get(rows.lower())
    if not text.module:
        return ""
    if plan is not None:
        return _index_draft(text, where.table(rows), plan)
    rows = f"{name}_rows"
    if text.content is None:
        first = (
            f"-- First, in SQLite: CREATE TABLE {quoted(rows)} AS SELECT rowid, * FROM {quoted(name)};"
            f" then migrate that table (--tables {rows})."
        )
    else:
        first = f"-- {quoted(where.schema, rows)} stands for the table that has the texts."
    return f"{first}\n{_index_draft(text, quoted(where.schema, rows), None)}".rstrip("\n")


def _index_draft(text: VirtualText, table: str, plan: TablePlan | None) -> str:
    """Return the index for a table that is planned, or that has the columns of the virtual table in its place."""
    if plan is not None:
        planned = {c.name.lower(): c for c in plan.columns}
        found = {c: planned[c.lower()] for c in text.columns if c.lower() in planned}
        names = {column: quoted(c.target_name) for column, c in found.items()}
        casts = {column: "" if c.kind is ValueKind.TEXT else "::text" for column, c in found.items()}
    else:
        names = {column: quoted(column) for column in text.columns}
        casts = {}
    if text.module in FULL_TEXT:
        searched = [
            f"coalesce({name}{casts.get(column, '')}, '')"
            for column, name in names.items()
            if column.lower() not in text.unindexed
        ]
        return _full_text_index(table, searched, text) if searched else ""
    if text.module not in R_TREES:
        return ""
    terms = list(names.values())
    if len(terms) < _R_TREE_MOST_COLUMNS:
        return f"CREATE INDEX ON {table} ({', '.join(terms[1:3])});"
    left, right, bottom, top = terms[1:_R_TREE_MOST_COLUMNS]
    corners = f"box(point({left}, {bottom}), point({right}, {top}))"
    return (
        f"CREATE INDEX ON {table} USING gist ({corners});\n"
        f"-- Queries: WHERE {corners} && box(point(0, 0), point(1, 1))"
    )


def _full_text_index(table: str, searched: Sequence[str], text: VirtualText) -> str:
    # The only stemmer that SQLite brings along is one for English.
    words = "english" if "porter" in text.options.get("tokenize", "").lower() else "simple"
    terms = " || ' ' || ".join(searched)
    column = "search" if "search" not in map(str.lower, text.columns) else "search_words"
    return (
        f"ALTER TABLE {table} ADD COLUMN {column} tsvector\n"
        f"    GENERATED ALWAYS AS (to_tsvector('{words}', {terms})) STORED;\n"
        f"CREATE INDEX ON {table} USING gin ({column});\n"
        f"-- Queries: WHERE {column} @@ websearch_to_tsquery('{words}', 'the words')"
    )


def draft_of_default(column: str, table: str, source_sql: str) -> str:
    """Return ALTER TABLE with the default as SQLite has it. `column` and `table` are quoted."""
    return f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {source_sql};"


def draft_of_generated(column: str, table: str, target_type: str, source_sql: str) -> str:
    """Return ALTER TABLE that lets PostgreSQL compute a column whose values were copied."""
    return (
        f"ALTER TABLE {table} DROP COLUMN {column},\n"
        f"    ADD COLUMN {column} {target_type} GENERATED ALWAYS AS ({source_sql}) STORED;"
    )


def draft_of_collation(column: str, table: str, target_type: str, collation: str, schema: str) -> str:
    """Return a collation that does not tell upper from lower case, to be fitted to what the application's own does."""
    name = quoted(schema, collation.lower())
    return (
        f"CREATE COLLATION {name} (provider = icu, locale = 'und-u-ks-level2', deterministic = false);\n"
        f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {target_type} COLLATE {name};"
    )
