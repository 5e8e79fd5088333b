"""Rights that the session's role lacks, each with the statement that gives it: found beforehand, told all at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from sqlalchemy import text

from migration.convoy_error import NextStep, Place
from migration.errors import TargetPermissionError
from migration.name_lists import NAMES_SHOWN, some
from migration.target.sql_statements import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class MissingRight:
    """What the role may not do, as words after "may not", and what its owner or a superuser types to change that."""

    action: str
    grant: str
    on: str = ""
    """What `action` is about, where the same may be missing on many."""
    grant_on_all: str = ""
    """What is typed in place of many `grant` that differ in `on` alone."""

    @property
    def words(self) -> str:
        """The action with what it is about."""
        return f"{self.action} {self.on}" if self.on else self.action


def gathered(lacking: Sequence[MissingRight]) -> list[MissingRight]:
    """Return the rights with one in place of many of the same kind: it names a few, and grants all of them at once."""
    kinds: dict[tuple[str, str], list[MissingRight]] = {}
    for right in lacking:
        alone = right.grant if not right.grant_on_all else ""
        kinds.setdefault((right.action, right.grant_on_all or alone), []).append(right)
    found: list[MissingRight] = []
    for (action, grant), rights in kinds.items():
        names = list(dict.fromkeys(right.on for right in rights))
        if len(names) > NAMES_SHOWN and all(right.grant_on_all for right in rights):
            found.append(MissingRight(action, grant, some(names)))
        else:
            found += rights
    return found


def session_role(connection: Connection) -> str:
    """Return the role whose rights count, unquoted."""
    return str(connection.execute(text("SELECT current_user")).scalar_one())


def refuse_lacking(connection: Connection, lacking: Sequence[MissingRight], **place: Unpack[Place]) -> None:
    """Raise a TargetPermissionError that names all of them; return where there is none."""
    if not lacking:
        return
    told = gathered(lacking)
    grants = list(dict.fromkeys(right.grant for right in told))
    raise TargetPermissionError(
        f"The role {session_role(connection)} may not {some((right.words for right in told), separator='; ')}",
        remedy=f"Run: {some(grants, separator='; ')}",
        next_steps=tuple(NextStep("Give the role what it lacks", grant) for grant in grants),
        **place,
    )


def schema_rights(connection: Connection, schema: str, privileges: Sequence[str]) -> list[MissingRight]:
    """Return what of CREATE and USAGE the role lacks on a schema that exists; nothing for one that does not."""
    lacking = list(
        connection.execute(
            text(
                "SELECT p FROM pg_catalog.pg_namespace n CROSS JOIN unnest(CAST(:privileges AS text[])) p"
                " WHERE n.nspname = :schema AND NOT pg_catalog.has_schema_privilege(n.oid, p)"
            ),
            {"schema": schema, "privileges": list(privileges)},
        ).scalars()
    )
    if not lacking:
        return []
    action = "create tables in" if "CREATE" in lacking else "use what is in"
    role = quoted(session_role(connection))
    grant = f"GRANT {', '.join(lacking)} ON SCHEMA {quoted(schema)} TO {role}"
    return [MissingRight(f"{action} schema {schema}", grant)]


def read_rights(
    connection: Connection, schema: str, tables: Mapping[str, Collection[str]]
) -> list[MissingRight]:
    """Return which tables of a schema the role may not read, or the schema itself.

    Args:
        connection: to the target.
        schema: unquoted.
        tables: names of tables and views → lower-case names of columns that nobody wants to read.
    """
    rows = connection.execute(
        text(
            "SELECT c.relname AS name, lower(a.attname) AS column"
            " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE n.nspname = :schema AND c.relname = ANY(:names) AND c.relkind IN ('r', 'p', 'f', 'v', 'm')"
            " AND NOT pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY 1, a.attnum"
        ),
        {"schema": schema, "names": list(tables)},
    ).all()
    lacking = dict.fromkeys(row.name for row in rows if row.column not in tables[row.name])
    role = quoted(session_role(connection))
    of_all = f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {role}"
    return schema_rights(connection, schema, ["USAGE"]) + [
        MissingRight("read", f"GRANT SELECT ON {quoted(schema, name)} TO {role}", f"{schema}.{name}", of_all)
        for name in lacking
    ]


def owner_rights(connection: Connection, oids: Sequence[int], action: str) -> list[MissingRight]:
    """Return that the role is no member of the owners of these relations; `action` stands before their names."""
    rows = connection.execute(
        text(
            "SELECT c.oid::regclass::text AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner"
            " FROM pg_catalog.pg_class c WHERE c.oid = ANY(CAST(:oids AS oid[]))"
            " AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') ORDER BY 1"
        ),
        {"oids": list(oids)},
    ).all()
    role = quoted(session_role(connection))
    grants = [f"GRANT {quoted(row.owner)} TO {role}" for row in rows]
    return [MissingRight(action, grant, row.name, grant) for row, grant in zip(rows, grants, strict=True)]
