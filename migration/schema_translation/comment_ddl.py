"""COMMENT ON statements for what the comments of SQLite's DDL say (`ddl_comments` reads them)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from migration.identifiers import quote_identifier, quote_literal
from migration.model import ObjectState, TargetObject
from migration.schema_translation.table_ddl import qualified
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.schema_translation.mapped_table import MappedTable

MOST_CHARACTERS: Final = 100_000
"""Longer comments are cut: statements travel through the ledger, and psql prints them whole."""
_NOT_UTF8: Final = "\ufffd"


def table_comments(table: MappedTable) -> Sequence[TargetObject]:
    """Return the one object that comments a table and its columns; nothing where there are no comments."""
    name = qualified(table.target_name)
    said = [("TABLE", name, table.source.comment)]
    for column in table.source.columns:
        target = quote_identifier(table.columns[folded(column.name)].target_name)
        said.append(("COLUMN", f"{name}.{target}", column.comment))
    said = [(kind, named, comment) for kind, named, comment in said if comment]
    if not said:
        return ()
    notes = [note for _, _, comment in said if (note := _change(comment))]
    return (
        TargetObject(
            "comment",
            table.target_name,
            table.target_name,
            1,
            ";\n".join(_statement(*each) for each in said),
            state=ObjectState.CHANGED if notes else ObjectState.CREATED,
            reason="; ".join([f"{len(said)} comment{'s' * (len(said) > 1)}", *dict.fromkeys(notes)]),
        ),
    )


def commented(item: TargetObject, comment: str) -> TargetObject:
    """Return a view or an index that is created together with its comment."""
    if not comment or not item.sql:
        return item
    note = _change(comment)
    return replace(
        item,
        sql=f"{item.sql};\n{_statement(item.kind.upper(), qualified(item.name), comment)}",
        state=ObjectState.CHANGED if note else item.state,
        reason="; ".join(part for part in (item.reason, note) if part),
    )


def _statement(kind: str, name: str, comment: str) -> str:
    return f"COMMENT ON {kind} {name} IS {quote_literal(comment[:MOST_CHARACTERS])}"


def _change(comment: str) -> str:
    """Return how a comment differs from the source's; empty where it does not."""
    notes = []
    if len(comment) > MOST_CHARACTERS:
        notes.append(f"a comment is cut to {MOST_CHARACTERS:,} characters")
    if _NOT_UTF8 in comment:
        notes.append("U+FFFD in a comment stands for bytes that are not UTF-8")
    return "; ".join(notes)
