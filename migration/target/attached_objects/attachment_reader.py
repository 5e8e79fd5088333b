"""What is attached to a table or view, read from pg_catalog: `Attachment`s that say how each is made again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.attached_object_kinds import ATTACHED_KINDS
from migration.target.attached_objects.attachment_queries import QUERIES
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

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

_STATEMENTS: Final = tuple(text(query) for query in QUERIES)
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


def read_attachments(connection: Connection, oid: int, *schemas: str) -> list[Attachment]:
    """Return everything that is attached to a relation, in the order of `ATTACHED_KINDS`.

    Args:
        connection: in a transaction.
        oid: a table or view.
        schemas: its own schema, and then those whose names are written without their schema, too.
    """
    found: list[Attachment] = []
    with names_looked_up_in(connection, *schemas):
        for query in _STATEMENTS:
            found += [
                Attachment(
                    row.kind, row.name, row.definition or "", tuple(row.statements), row.undo, row.belongs_to
                )
                for row in connection.execute(query, {"oid": oid})
            ]
    return sorted(found, key=lambda one: ATTACHED_KINDS.index(one.kind))


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
