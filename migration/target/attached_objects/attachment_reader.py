"""What is attached to a table or view, read from pg_catalog: `Attachment`s that say how each is made again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from migration.attached_object_kinds import ATTACHED_KINDS
from migration.target.attached_objects.attachment_queries import QUERIES
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import Connection, Row

BUILT_BEFOREHAND: Final = frozenset(
    {
        "tablespace",
        "unlogged",
        "not_null",
        "primary_key",
        "unique",
        "exclusion",
        "index",
        "check",
        "foreign_key",
    }
)
"""What reads or writes a whole table: made while nobody waits for a lock."""

# One question for all tables of a schema: the server plans it once, which takes far longer than to answer it.
_STATEMENTS: Final = {
    text(
        "SELECT wanted.oid::bigint AS relation, one.*"
        f" FROM unnest(CAST(:oids AS oid[])) AS wanted (oid) CROSS JOIN LATERAL ({query}) one"
    ): kinds
    for query, kinds in QUERIES.items()
}
_CONSTRAINTS: Final = frozenset({"unique", "primary_key", "exclusion", "check", "foreign_key"})


@dataclass(frozen=True, slots=True)
class Attachment:
    """One thing that is attached to a table or view.

    `statements` make it for the table of the same name that comes first in `search_path`; without any, it cannot be
    made for another table. `undo` takes it from there. `belongs_to` is the label of what it cannot be without.
    """

    kind: str
    name: str
    definition: str
    statements: tuple[str, ...]
    undo: str = ""
    belongs_to: str = ""

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.kind} {self.name}"

    @property
    def meaning(self) -> str:
        """What it says, whatever its own name is; a foreign key says the same before its rows have been checked."""
        if self.kind == "index":
            return self.definition.replace(f" INDEX {self._quoted_name} ON ", " INDEX ON ", 1)
        return self.definition.removesuffix(" NOT VALID") if self.kind == "foreign_key" else self.definition

    def renamed_index(self, name: str) -> str:
        """Return the statement that makes an index under another name."""
        return self.definition.replace(f" INDEX {self._quoted_name} ON ", f" INDEX {quoted(name)} ON ", 1)

    @property
    def _quoted_name(self) -> str:
        return self.definition.split(" INDEX ", 1)[1].split(" ON ", 1)[0]

    @property
    def is_constraint(self) -> bool:
        """Whether it is one of the table's constraints."""
        return self.kind in _CONSTRAINTS


def read_attachments(
    connection: Connection, oids: Collection[int], *schemas: str, kinds: Collection[str] = ATTACHED_KINDS
) -> dict[int, list[Attachment]]:
    """Return everything that is attached to each of some relations, in the order of `ATTACHED_KINDS`.

    Args:
        connection: in a transaction.
        oids: tables and views of one schema.
        schemas: their own schema, and then those whose names are written without their schema, too.
        kinds: those to return.
    """
    found: dict[int, list[Attachment]] = {oid: [] for oid in oids}
    with names_looked_up_in(connection, *schemas):
        for question, answered in _STATEMENTS.items():
            if answered.isdisjoint(kinds):
                continue
            for row in connection.execute(question, {"oids": list(oids)}):
                if row.kind in kinds:
                    found[row.relation].append(_attachment(row))
    for attached in found.values():
        attached.sort(key=lambda one: ATTACHED_KINDS.index(one.kind))
    return found


def _attachment(row: Row[Any]) -> Attachment:
    return Attachment(
        row.kind, row.name, row.definition or "", tuple(row.statements), row.undo, row.belongs_to
    )


@contextmanager
def names_looked_up_in(connection: Connection, *schemas: str) -> Iterator[None]:
    """Let names without a schema be looked up in these schemas, and in no temporary one before them."""
    before = run_sql(connection, "SELECT pg_catalog.current_setting('search_path')").scalar_one()
    _look_up(connection, ", ".join(quoted(name) for name in (*schemas, "pg_temp")))
    yield
    _look_up(connection, before)


def _look_up(connection: Connection, path: str) -> None:
    connection.execute(text("SELECT pg_catalog.set_config('search_path', :path, true)"), {"path": path})


def labels(attachments: Sequence[Attachment]) -> set[str]:
    """Return the labels of attachments."""
    return {one.label for one in attachments}
