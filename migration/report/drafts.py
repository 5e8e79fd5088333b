"""Drafts in PostgreSQL's SQL of what SQLite has and Convoy does not translate: a start for a person, not a result."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from migration.model import TablePlan, TargetObject
from migration.target.statements import quoted

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
_VIRTUAL = re.compile(rf"\bUSING\s+({_NAME})\s*(?:\((.*)\))?", re.IGNORECASE | re.DOTALL)
_R_TREE_MOST_COLUMNS: Final = 5


@dataclass(frozen=True, slots=True)
class Surroundings:
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


def draft_of_view(name: str, sql: str, where: Surroundings) -> str:
    """Return CREATE VIEW with the query as SQLite has it."""
    found = _VIEW.match(sql)
    rest = found[1].strip() if found else "AS SELECT ..."
    return f"CREATE VIEW {quoted(where.schema, name)} {rest.rstrip(';')};"


def draft_of_trigger(name: str, sql: str, where: Surroundings) -> str:
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


def draft_of_virtual(name: str, sql: str, where: Surroundings) -> str:
    """Return what does the work of a full-text or R-Tree table in PostgreSQL; nothing for other modules."""
    found = _VIRTUAL.search(sql)
    if found is None:
        return ""
    module, arguments = bare(found[1]).lower(), [part.strip() for part in (found[2] or "").split(",")]
    columns = [bare(part.split()[0]) for part in arguments if part and "=" not in part]
    rows = f"{name}_rows"
    first = (
        f"-- First, in SQLite: CREATE TABLE {quoted(rows)} AS SELECT rowid, * FROM {quoted(name)};"
        f" then migrate that table (--tables {rows}).\n"
    )
    table = quoted(where.schema, rows)
    if module.startswith("fts") and columns:
        text = " || ' ' || ".join(f"coalesce({quoted(column)}, '')" for column in columns)
        return (
            f"{first}ALTER TABLE {table} ADD COLUMN search tsvector\n"
            f"    GENERATED ALWAYS AS (to_tsvector('simple', {text})) STORED;\n"
            f"CREATE INDEX ON {table} USING gin (search);\n"
            f"-- Queries: WHERE search @@ websearch_to_tsquery('simple', 'the words')"
        )
    if module.startswith("rtree") and len(columns) >= _R_TREE_MOST_COLUMNS:
        left, right, bottom, top = (quoted(column) for column in columns[1:_R_TREE_MOST_COLUMNS])
        corners = f"box(point({left}, {bottom}), point({right}, {top}))"
        return (
            f"{first}CREATE INDEX ON {table} USING gist ({corners});\n"
            f"-- Queries: WHERE {corners} && box(point(0, 0), point(1, 1))"
        )
    return first.rstrip("\n")


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
