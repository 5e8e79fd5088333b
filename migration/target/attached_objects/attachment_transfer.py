"""What is attached to a replaced table goes over to the one that replaces it, as far as its words make sense there.

The server judges: each is made in a savepoint, and its refusal is the reason that is reported.
"""

from __future__ import annotations

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


def transfer(
    connection: Connection,
    name: str,
    attached: Sequence[Attachment],
    new: int,
    schemas: Sequence[str],
    kinds: Collection[str],
    gone: Collection[str] = (),
) -> Transfer:
    """Give the table `new` what was attached to another one of its name, in the caller's transaction.

    Args:
        connection: its session is the owner of both tables.
        name: what the table is called.
        attached: what was read of the other table, with the last of `schemas` as the only one.
        new: oid of the table in the first of `schemas`.
        schemas: where names are looked up.
        kinds: those to make now; what is missing of other kinds is left alone.
        gone: labels of what could not be made before.

    Raises:
        DBAPIError: the server or the connection is in trouble, or somebody holds a lock.
    """
    result = Transfer(name)
    there = read_attachments(connection, new, *schemas)
    missing_labels = set(gone) | {f"constraint {label.split(' ', 1)[1]}" for label in gone}
    renamed: set[str] = set()
    with names_looked_up_in(connection, *schemas):
        for one in attached:
            if one.kind not in kinds or _is_there(one, there):
                continue
            twin = _twin(one, there)
            if twin is not None and one.kind == "index":
                renamed.add(one.label)
            if one.belongs_to in renamed or (one.kind == "index" if twin else _stands_instead(one, there)):
                result.instead.append(one)
                continue
            if one.belongs_to in missing_labels:
                refused: str | None = f"it goes with {one.belongs_to}"
            elif twin is not None:
                old, new_name = quoted(twin.name), quoted(one.name)
                refused = make_object(
                    connection, (f"ALTER TABLE {quoted(name)} RENAME CONSTRAINT {old} TO {new_name}",)
                )
            elif not one.statements:
                refused = _NO_WORDS.get(one.kind, "it cannot be made for another table")
            else:
                refused = make_object(connection, one.statements)
                if refused is not None and one.kind == "index" and refused.endswith("already exists"):
                    refused = _make_numbered(connection, one)
                    renamed.add(one.label)
            if refused is None:
                result.carried.append(one)
            else:
                goes_with = one.belongs_to in missing_labels
                missing_labels |= {one.label, f"constraint {one.name}"} if one.is_constraint else {one.label}
                result.lost.append(NotCarried(name, one, refused, goes_with))
        if not _RIGHTS.isdisjoint(kinds):
            _take_back_rights(connection, attached, there, result)
    return result


def _take_back_rights(
    connection: Connection, attached: Sequence[Attachment], there: Sequence[Attachment], result: Transfer
) -> None:
    """Take from the new table the rights that nobody had on the old one: default privileges give them."""
    granted = labels([one for one in attached if one.kind in _RIGHTS])
    carried_columns = {one.name for one in attached if one.kind in ("column", "sequence")}
    for one in there:
        of_new_part = one.belongs_to and one.belongs_to.split(" ", 1)[1] not in carried_columns
        if one.kind in _RIGHTS and one.label not in granted and not of_new_part:
            refused = make_object(connection, (one.undo,))
            if refused is not None:
                result.lost.append(NotCarried(result.table, one, f"it cannot be taken back: {refused}"))


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


def _make_numbered(connection: Connection, index: Attachment) -> str | None:
    """Make an index under another name: the run has given its own to an index of another table."""
    refused: str | None = "its name is taken"
    for number in range(1, _MOST_NUMBERS):
        refused = make_object(connection, [index.renamed_index(f"{index.name[:50]}_{number}")])
        if refused is None or not refused.endswith("already exists"):
            break
    return refused


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
