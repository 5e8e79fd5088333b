"""What stands around a table and is no part of its shape: rights of everybody, triggers, rules, owners, policies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from migration.model import Finding, FindingKind
from migration.target.pg_catalog.open_rights import read_actors, read_open_rights
from migration.target.pg_catalog.owner_rights import read_lacking_rights
from migration.target.pg_catalog.replica_identity import read_unidentified
from migration.target.sql_statements import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sqlalchemy import Connection

    from migration.target.pg_catalog.table_shapes import TableShape

_FEWEST: Final = 3
"""Tables of a schema, before one of another owner is odd."""
_LONGEST: Final = 200
_TABLES: Final = frozenset({"r", "p"})


def extra_findings(
    connection: Connection,
    standing: Mapping[str, TableShape],
    translated: Collection[str] = (),
    carried: Collection[str] = (),
) -> list[Finding]:
    """Return what lets more roles at the tables, shows fewer rows of them, or acts when somebody writes.

    Args:
        connection: in a transaction, with the schema in its search path.
        standing: name of a table or view in the source → what stands.
        translated: names of triggers of the source: one of such a name is somebody's translation, which nobody can
            compare.
        carried: names of the source of which rights, triggers and policies have been carried over: they are others'.
    """
    names = {shape.oid: name for name, shape in standing.items() if name not in carried}
    return [
        *_of_shapes(standing, carried),
        *_rights(connection, names),
        *_actors(connection, names, translated),
    ]


def _of_shapes(standing: Mapping[str, TableShape], carried: Collection[str]) -> Iterator[Finding]:
    tables = {name: shape for name, shape in standing.items() if shape.kind in _TABLES}
    owners = Counter(shape.owner for shape in tables.values())
    usual, most = owners.most_common(1)[0] if owners else ("", 0)
    for name, shape in tables.items():
        if name in carried:
            continue
        if shape.has_row_security:
            hides = "; it hides rows from the role that reads here" if shape.hides_rows else ""
            yield _found(FindingKind.ROW_SECURITY, name, f"Row level security is on{hides}")
        if shape.is_unlogged:
            message = "The table is UNLOGGED: after a crash of the server it is empty"
            yield _found(FindingKind.UNLOGGED, name, message)
        if len(tables) >= _FEWEST and most * 2 > len(tables) and shape.owner != usual:
            message = f"It belongs to {shape.owner}, and the other tables to {usual}"
            yield _found(FindingKind.OWNER, name, message)


def refused_changes(connection: Connection, standing: Mapping[str, TableShape]) -> Iterator[Finding]:
    """Yield tables of which a publication makes the server refuse every UPDATE or DELETE.

    `migrate` tries both instead (migration/target/cutover/first_write_check.py).

    Args:
        connection: in a transaction, with the schema in its search path.
        standing: name of a table in the source → what stands.
    """
    names = {shape.oid: name for name, shape in standing.items() if shape.is_table}
    for table in read_unidentified(connection, list(names)):
        where = f" in its partition {table.place}" if table.place else ""
        publications = ", ".join(table.publications)
        what = f"{table.refused} of any row{where} is refused, and published by {publications}"
        message = f"{what}: {table.why}. {table.remedy}"
        yield _found(FindingKind.FIRST_WRITE_FAILS, names[table.root], message)


def _rights(connection: Connection, names: Mapping[int, str]) -> Iterator[Finding]:
    for rights in read_open_rights(connection, list(names)):
        yield _found(FindingKind.PUBLIC_GRANT, names[rights.root], f"PUBLIC has {rights.words}")
    for lacking in read_lacking_rights(connection, list(names)):
        words, on = ", ".join(lacking.rights), f"{'SEQUENCE ' if lacking.is_sequence else ''}{lacking.place}"
        where = f" on its sequence {lacking.place}" if lacking.is_sequence else ""
        grant = f"GRANT {words} ON {on} TO {quoted(lacking.owner)}"
        message = f"The owner {lacking.owner} itself has no {words}{where}. {grant}"
        yield _found(FindingKind.OWNER_RIGHTS, names[lacking.root], message)


def _actors(
    connection: Connection, names: Mapping[int, str], translated: Collection[str]
) -> Iterator[Finding]:
    known = {name.lower() for name in translated}
    for actor in read_actors(connection, list(names)):
        where = f" on its partition {actor.place}" if actor.place else ""
        if actor.kind == "trigger" and actor.name.lower() in known:
            what = f"The trigger {actor.name}{where} has the name of one in the source"
            message = f"{what}; what it does was not compared"
            yield _found(FindingKind.NOT_CHECKED, names[actor.root], message)
            continue
        words = " ".join(actor.definition.split())
        words = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}..."
        message = f"The {actor.kind} {actor.name}{where} stands in the target alone: {words}"
        yield _found(FindingKind.EXTRA_TRIGGER, names[actor.root], message)


def _found(kind: FindingKind, table: str, message: str) -> Finding:
    return Finding(kind, table, message, is_error=False)
