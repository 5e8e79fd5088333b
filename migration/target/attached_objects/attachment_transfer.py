"""What is attached to a replaced table goes over to the one that replaces it, as far as its words make sense there.

The server judges: each is made in a savepoint, and its refusal is the reason that is reported.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from migration.target.attached_objects.attachment_reader import (
    Attachment,
    labels,
    names_looked_up_in,
    read_attachments,
)
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

# What a source declares itself: where both have one of that name, the source's is what was asked for.
_SAID_BY_THE_SOURCE: Final = frozenset(
    {
        "column",
        "default",
        "generated_column",
        "primary_key",
        "unique",
        "index",
        "check",
        "foreign_key",
        "comment",
    }
)
_MOST_NUMBERS: Final = 100
_RIGHTS: Final = frozenset({"grant", "column_grant", "sequence_grant"})
_NO_WORDS: Final = {
    "column": "the source has no such column, and its values would be lost",
    "generated_column": "the source has values of its own for this column",
    "default": "its numbers come from a sequence, and the source's column counts otherwise",
    "sequence": "it stands in another schema than its table",
    "extended_statistics": "it belongs to another role",
    "collation": "the run builds the column with another collation",
    "access_method": "the run builds tables with the access method that is usual here",
    "inheritance": "a table cannot leave its parent and come back exactly as it was",
    "typed_table": "the run's table has columns of its own, not those of a type",
    "extension": "it belongs to an extension",
    "subscription": "a subscription writes into this table",
    "other": "Convoy does not know how it is made",
}
# SQLSTATEs of a server or connection in trouble, not of an object that cannot be: locks, resources, an operator.
_NO_FAULT_OF_THE_OBJECT: Final = ("08", "40", "53", "55P03", "57", "58")


@dataclass(frozen=True, slots=True)
class NotCarried:
    """Something that is attached to the replaced table `table` and cannot go over to the new one."""

    table: str
    attachment: Attachment
    reason: str
    goes_with_another: bool = False
    """Whether it is a part of something else that cannot be carried over either."""

    def __str__(self) -> str:
        """How messages say it."""
        of = f" of {self.table}" if self.table else ""
        return f"{self.attachment.kind.replace('_', ' ')} {self.attachment.name}{of}: {self.reason}"


@dataclass(slots=True)
class Transfer:
    """What became of the attachments of one replaced table.

    `instead` are those in whose place the source's own stands.
    """

    table: str
    carried: list[Attachment] = field(default_factory=list)
    instead: list[Attachment] = field(default_factory=list)
    lost: list[NotCarried] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Move:
    """What is to go over to one table.

    `attached` is what was read of the replaced table `table`, `new` the oid of the one of that name that replaces it,
    `gone` are labels of what could not be made before.
    """

    table: str
    attached: Sequence[Attachment]
    new: int
    gone: Collection[str] = ()


def transfer(
    connection: Connection, moves: Sequence[Move], schemas: Sequence[str], kinds: Collection[str]
) -> list[Transfer]:
    """Give tables what was attached to others of their names, in the caller's transaction.

    Args:
        connection: its session is the owner of all of the tables.
        moves: what was attached was read with the last of `schemas` as the only one; the new tables are in the first.
        schemas: where names are looked up.
        kinds: those to make now; what is missing of other kinds is left alone.

    Raises:
        DBAPIError: the server or the connection is in trouble, or somebody holds a lock.
    """
    gives_rights = not _RIGHTS.isdisjoint(kinds)
    with names_looked_up_in(connection, *schemas):
        there = read_attachments(connection, [move.new for move in moves], *schemas, kinds=kinds)
        results: list[Transfer] = []
        changed: list[int] = []
        for move in moves:
            carrier = _Carrier(connection, Transfer(move.table), there[move.new], move.gone)
            # First: what is revoked of a table is revoked of its columns, too.
            taken_back = gives_rights and _take_back_rights(
                connection, move.attached, there[move.new], carrier.result
            )
            for one in move.attached:
                if one.kind in kinds and not _is_there(one, there[move.new]):
                    carrier.carry(one)
            if taken_back or carrier.result.carried:
                changed.append(move.new)
            results.append(carrier.result)
        if gives_rights:
            if changed:
                there |= read_attachments(connection, changed, *schemas, kinds=_RIGHTS)
            for move, result in zip(moves, results, strict=True):
                _look_at_rights(connection, move.attached, there[move.new], result)
    return results


class _Carrier:
    def __init__(
        self, connection: Connection, result: Transfer, there: Sequence[Attachment], gone: Collection[str]
    ) -> None:
        self._connection = connection
        self.result = result
        self._there = there
        self._missing = set(gone) | {f"constraint {label.split(' ', 1)[1]}" for label in gone}
        self._renamed: dict[str, str] = {}
        """Quoted names of indexes → those that the same ones bear at the new table."""

    def carry(self, one: Attachment) -> None:
        twin = _twin(one, self._there)
        if twin is not None and one.kind == "index":
            self._renamed[quoted(one.name)] = quoted(twin.name)
        if one.kind == "index" if twin else _stands_instead(one, self._there):
            self.result.instead.append(one)
            return
        goes_with_another = one.belongs_to in self._missing
        refused = self._make(one, twin)
        if refused is None:
            self.result.carried.append(one)
            return
        self._missing |= {one.label, f"constraint {one.name}"} if one.is_constraint else {one.label}
        self.result.lost.append(NotCarried(self.result.table, one, refused, goes_with_another))

    def _make(self, one: Attachment, twin: Attachment | None) -> str | None:
        """Make it, or return why it cannot be."""
        if one.belongs_to in self._missing:
            return f"it goes with {one.belongs_to}"
        if twin is not None:
            table, old, new = quoted(self.result.table), quoted(twin.name), quoted(one.name)
            return make_object(self._connection, (f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}",))
        if not one.statements:
            return _NO_WORDS.get(one.kind, "it cannot be made for another table")
        refused = make_object(self._connection, [self._with_new_names(one, s) for s in one.statements])
        if refused is not None and one.kind == "index" and refused.endswith("already exists"):
            return self._make_numbered(one)
        return refused

    def _with_new_names(self, one: Attachment, statement: str) -> str:
        """Return a statement that speaks of an index under the name that this bears now."""
        if one.kind == "index":
            return statement
        for old, new in self._renamed.items():
            bare = old[1:-1]
            statement = re.sub(
                rf"\b(INDEX|CLUSTER ON) ({re.escape(old)}|{re.escape(bare)})(?![\w$])",
                rf"\1 {_literal(new)}",
                statement,
                count=1,
            )
        return statement

    def _make_numbered(self, index: Attachment) -> str | None:
        """Make an index under another name: the run has given its own to an index of another table."""
        refused: str | None = "its name is taken"
        for number in range(1, _MOST_NUMBERS):
            name = f"{index.name[:50]}_{number}"
            refused = make_object(self._connection, [index.renamed_index(name)])
            if refused is None:
                self._renamed[quoted(index.name)] = quoted(name)
            if refused is None or not refused.endswith("already exists"):
                break
        return refused


def _literal(text: str) -> str:
    return text.replace("\\", r"\\")


def _take_back_rights(
    connection: Connection, attached: Sequence[Attachment], there: Sequence[Attachment], result: Transfer
) -> bool:
    """Take from the new table the rights that nobody had on the old one; tell whether there were any.

    Default privileges give them.
    """
    taken = False
    granted = labels([one for one in attached if one.kind in _RIGHTS])
    parts = {one.label for one in attached if one.kind in ("column", "sequence")}
    for one in there:
        # A column, or a sequence that a column takes its numbers from now: nobody had a right to it, nor lacked one.
        of_new_part = one.belongs_to and one.belongs_to not in parts
        if one.kind in _RIGHTS and one.label not in granted and not of_new_part:
            taken = True
            refused = make_object(connection, (one.undo,))
            if refused is not None:
                result.lost.append(NotCarried(result.table, one, f"it cannot be taken back: {refused}"))
    return taken


def _look_at_rights(
    connection: Connection, attached: Sequence[Attachment], there: Sequence[Attachment], result: Transfer
) -> None:
    """Make sure that every right is there: one statement may undo what another has done."""
    told = labels([one.attachment for one in result.lost])
    for one in attached:
        if one.kind not in _RIGHTS or one.label in told or one.label in labels(there):
            continue
        refused = make_object(connection, one.statements) if one.statements else "it was not kept"
        if refused is not None:
            result.carried = [other for other in result.carried if other is not one]
            result.lost.append(NotCarried(result.table, one, refused))


def _is_there(one: Attachment, there: Sequence[Attachment]) -> bool:
    return any(other.label == one.label and other.meaning == one.meaning for other in there)


def _twin(one: Attachment, there: Sequence[Attachment]) -> Attachment | None:
    """Return a key, check or index of another name that says the same."""
    if not (one.is_constraint or one.kind == "index") or one.label in labels(there):
        return None
    return next((o for o in there if o.kind == one.kind and o.meaning == one.meaning), None)


def _stands_instead(one: Attachment, there: Sequence[Attachment]) -> bool:
    """Whether the source itself says what is to be in the place of an attachment."""
    if one.kind == "primary_key":
        return any(other.kind == one.kind for other in there)
    counts = f"identity {one.name}" in labels(there)
    if one.kind == "default" and counts and not one.statements:
        # A column that took its numbers from a sequence of its own does so still.
        return True
    return one.kind in _SAID_BY_THE_SOURCE and one.label in labels(there)


def make_object(connection: Connection, statements: Sequence[str]) -> str | None:
    """Run statements in a savepoint; return why the server refused, or None."""
    savepoint = connection.begin_nested()
    try:
        for statement in statements:
            run_sql(connection, statement)
    except DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if connection.invalidated or not state or state.startswith(_NO_FAULT_OF_THE_OBJECT):
            raise
        savepoint.rollback()
        diagnostics = getattr(error.orig, "diag", None)
        return str(getattr(diagnostics, "message_primary", None) or error.orig)
    savepoint.commit()
    return None
