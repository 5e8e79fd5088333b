"""Objects outside of a replaced table that use it: views, foreign keys of other tables, children, functions.

A view is given its words again (CREATE OR REPLACE), which then speak of the new table; a foreign key is made again.
What cannot be, and was signed for, is moved to the previous schema with the table, or stays with it there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from migration.target.attached_objects.attachment_reader import Attachment, names_looked_up_in
from migration.target.attached_objects.attachment_transfer import NotCarried, make_object
from migration.target.missing_rights import owner_rights
from migration.target.pg_catalog.schema_relations import dependents_of
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.target.missing_rights import MissingRight

_KIND_OF_CATALOG: Final = {
    "pg_constraint": "incoming_foreign_key",
    "pg_inherits": "child_table",
    "pg_proc": "function",
}
_REASONS: Final = {
    "materialized_view": "it holds rows of its own, which a new one would have to compute: make it again afterwards",
    "child_table": "a child cannot leave its parent and come back exactly as it was",
    "function": "it was made for the columns of this very table",
    "outside": "it was made for this very table",
}
_VIEW: Final = """
SELECT c.oid::bigint AS oid, c.relkind::text AS kind, n.nspname AS schema, c.relname AS name,
    c.oid::regclass::text AS label, pg_catalog.pg_get_viewdef(c.oid, true) AS definition,
    (SELECT pg_catalog.string_agg(pg_catalog.format('%I = %L', o.option_name, o.option_value), ', ')
        FROM pg_catalog.pg_options_to_table(c.reloptions) o) AS options,
    ARRAY(SELECT pg_catalog.concat_ws(' ', a.attname, a.atttypid, a.atttypmod, a.attcollation)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum) AS columns
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = CAST(:oid AS oid)
"""
_VIEW_OF_RULE: Final = "SELECT ev_class::bigint FROM pg_catalog.pg_rewrite WHERE oid = CAST(:oid AS oid)"
_KEY: Final = """
SELECT k.oid::bigint AS oid, k.conname AS name, n.nspname AS schema, c.relname AS child, c.relkind::text AS kind,
    pg_catalog.pg_get_constraintdef(k.oid, true) AS definition, d.description AS comment
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_constraint'::regclass AND d.objoid = k.oid
WHERE k.oid = CAST(:oid AS oid) AND k.contype = 'f'
"""
_TRIED: Final = "convoy_tried"


@dataclass(frozen=True, slots=True)
class Outsider:
    """Something outside that uses a replaced table, as it was before. `schema` and `relation`: the view, or the child.

    `statement` makes it again for the table that the names mean at that time; `more` goes with it.
    """

    kind: str
    name: str
    oid: int
    schema: str = ""
    relation: str = ""
    definition: str = ""
    statement: str = ""
    more: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def not_carried(self, reason: str) -> NotCarried:
        """Return it as something that cannot be carried over."""
        return NotCarried("", Attachment(self.kind, self.name, self.definition, ()), reason)


def read_outsiders(connection: Connection, oids: Sequence[int], schema: str) -> list[Outsider]:
    """Return what uses these relations from outside; names of `schema` are written without it."""
    with names_looked_up_in(connection, schema):
        found = [
            _outsider(connection, one.catalog, one.oid, one.name) for one in dependents_of(connection, oids)
        ]
    return list({(one.kind, one.oid): one for one in found}.values())


def with_their_dependents(connection: Connection, lost: Sequence[Outsider], schema: str) -> list[Outsider]:
    """Return views that cannot be carried over with all that uses them in turn."""
    known = {one.oid: one for one in lost}
    fresh = [one.oid for one in lost if one.kind in ("view", "materialized_view")]
    while fresh:
        more = {one.oid: one for one in read_outsiders(connection, fresh, schema) if one.oid not in known}
        known |= more
        fresh = [one.oid for one in more.values() if one.kind in ("view", "materialized_view")]
    return list(known.values())


def try_outsider(connection: Connection, one: Outsider, trial: str, schema: str) -> str | None:
    """Return why an outsider cannot be made for the tables of the trial schema; None where it can."""
    with names_looked_up_in(connection, trial, schema):
        if one.kind == "view":
            refused = make_object(
                connection, (f"CREATE VIEW {quoted(trial, _TRIED)} AS {one.definition}",)
            ) or _other_columns(connection, one, trial)
            make_object(connection, (f"DROP VIEW IF EXISTS {quoted(trial, _TRIED)}",))
            return refused or _not_mine(connection, one)
        if one.kind == "incoming_foreign_key":
            child = quoted(trial, _TRIED)
            refused = make_object(
                connection,
                (
                    f"CREATE TABLE {child} (LIKE {quoted(one.schema, one.relation)})",
                    f"ALTER TABLE {child} ADD {one.definition.removesuffix(' NOT VALID')}",
                ),
            )
            make_object(connection, (f"DROP TABLE IF EXISTS {child}",))
            return refused or _not_mine(connection, one)
    return _REASONS.get(one.kind, _REASONS["outside"])


def carry_outsider(connection: Connection, one: Outsider, schema: str) -> tuple[str | None, dict[str, Any]]:
    """Make an outsider again for the tables that stand in `schema` now.

    Returns:
        Why the server refused, or None; and then a record for `give_back`.
    """
    with names_looked_up_in(connection, schema):
        if one.kind == "view":
            refused = make_object(connection, (one.statement,))
            if refused is None:
                return None, {"kind": one.kind, "name": one.name, "oid": one.oid, "statement": one.statement}
            return refused, {}
        if one.kind == "incoming_foreign_key":
            drop = _drop_key(one)
            refused = make_object(connection, (drop, one.statement, *one.more))
            return refused, {} if refused else _key_record(connection, one)
    return _REASONS.get(one.kind, _REASONS["outside"]), {}


def leave_outsider(connection: Connection, one: Outsider, previous: str) -> dict[str, Any]:
    """Take an outsider that was signed for out of the way, such that `give_back` can bring it back as it was."""
    record: dict[str, Any] = {"kind": one.kind, "name": one.name, "oid": one.oid, "left": True}
    if one.kind in ("view", "materialized_view"):
        words = "MATERIALIZED VIEW" if one.kind == "materialized_view" else "VIEW"
        run_sql(connection, f"ALTER {words} {quoted(one.schema, one.relation)} SET SCHEMA {quoted(previous)}")
        back = f"ALTER {words} {quoted(previous, one.relation)} SET SCHEMA {quoted(one.schema)}"
        return {**record, "statements": [back], "schema": previous, "relation": one.relation}
    if one.kind == "incoming_foreign_key":
        run_sql(connection, _drop_key(one))
        return {**record, "statements": [one.statement, *one.more]}
    return record


def rights_to_leave(connection: Connection, lost: Sequence[Outsider]) -> list[MissingRight]:
    """Return which views and tables the role may not change that `leave_outsider` would take out of the way."""
    names = [quoted(one.schema, one.relation) for one in lost if one.relation]
    statement = text("SELECT to_regclass(n)::oid::bigint FROM unnest(CAST(:names AS text[])) n")
    oids = connection.execute(statement, {"names": names}).scalars().all()
    return owner_rights(connection, oids, "take out of the way")


def _key_record(connection: Connection, one: Outsider) -> dict[str, Any]:
    oid = connection.execute(
        text(
            "SELECT k.oid::bigint FROM pg_catalog.pg_constraint k"
            " WHERE k.conrelid = to_regclass(:child) AND k.conname = :name"
        ),
        {"child": quoted(one.schema, one.relation), "name": one.name.split(" of ", 1)[0]},
    ).scalar_one_or_none()
    return {
        "kind": one.kind,
        "name": one.name,
        "oid": oid,
        "drop": _drop_key(one),
        "statements": [one.statement, *one.more],
    }


def _drop_key(one: Outsider) -> str:
    name = one.name.split(" of ", 1)[0]
    return f"ALTER TABLE {quoted(one.schema, one.relation)} DROP CONSTRAINT {quoted(name)}"


def _outsider(connection: Connection, catalog: str, oid: int, name: str) -> Outsider:
    if catalog == "pg_rewrite":
        view = connection.execute(text(_VIEW_OF_RULE), {"oid": oid}).scalar_one()
        row = connection.execute(text(_VIEW), {"oid": view}).one()
        if row.kind in ("v", "m"):
            kind = "view" if row.kind == "v" else "materialized_view"
            return Outsider(
                kind,
                row.label,
                row.oid,
                row.schema,
                row.name,
                row.definition,
                _replacement(row),
                columns=tuple(row.columns),
            )
    if catalog == "pg_constraint":
        key = connection.execute(text(_KEY), {"oid": oid}).one_or_none()
        if key is not None:
            child, name_sql = quoted(key.schema, key.child), quoted(key.name)
            comment = "'" + (key.comment or "").replace("'", "''") + "'"
            more = (f"COMMENT ON CONSTRAINT {name_sql} ON {child} IS {comment}",) if key.comment else ()
            return Outsider(
                "incoming_foreign_key",
                f"{key.name} of table {key.child}",
                key.oid,
                key.schema,
                key.child,
                key.definition,
                f"ALTER TABLE {child} ADD CONSTRAINT {name_sql} {key.definition}",
                more,
            )
    kind = _KIND_OF_CATALOG.get(catalog, "outside")
    # PostgreSQL's words for it begin with its kind: "table archive", "function total(orders)".
    return Outsider(kind, name.removeprefix(f"{kind.rpartition('_')[2]} "), oid)


def _replacement(view: Any) -> str:
    """Return the statement that gives a view its words again; without its options they would be forgotten."""
    options = f" WITH ({view.options})" if view.options else ""
    return f"CREATE OR REPLACE VIEW {quoted(view.schema, view.name)}{options} AS {view.definition}"


def _other_columns(connection: Connection, one: Outsider, trial: str) -> str | None:
    statement = text("SELECT to_regclass(:name)::oid::bigint")
    oid = connection.execute(statement, {"name": quoted(trial, _TRIED)}).scalar_one()
    tried = connection.execute(text(_VIEW), {"oid": oid}).one()
    if tuple(tried.columns) == one.columns:
        return None
    return "its columns would get other types"


def _not_mine(connection: Connection, one: Outsider) -> str | None:
    statement = text(
        "SELECT pg_catalog.pg_has_role(c.relowner, 'USAGE') FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(:name)"
    )
    mine = connection.execute(statement, {"name": quoted(one.schema, one.relation)}).scalar_one()
    return None if mine else "it belongs to another role"


def give_back(connection: Connection, record: dict[str, Any], previous: str, schema: str) -> str | None:
    """Let an outsider use the replaced table again, which is in `previous` still; return why it cannot, or None.

    Views are given their words again here. Foreign keys are taken from the run's table, and made again by the
    statements of the record once the replaced table is back.
    """
    if record.get("left"):
        return None if _stands(connection, record) else "is gone from where the cutover had put it"
    if record["kind"] == "view":
        found = connection.execute(text(_VIEW), {"oid": record["oid"]}).one_or_none()
        if found is None:
            return "has been dropped since"
        with names_looked_up_in(connection, schema):
            now = connection.execute(text(_VIEW), {"oid": record["oid"]}).one()
        if record["statement"] != _replacement(now):
            return "has been changed since"
        with names_looked_up_in(connection, previous, schema):
            return make_object(connection, (record["statement"],))
    return make_object(connection, (record["drop"],))


def _stands(connection: Connection, record: dict[str, Any]) -> bool:
    if "relation" not in record:
        return True
    statement = text("SELECT to_regclass(:name)::oid::bigint")
    name = quoted(record["schema"], record["relation"])
    return bool(connection.execute(statement, {"name": name}).scalar_one() == record["oid"])
