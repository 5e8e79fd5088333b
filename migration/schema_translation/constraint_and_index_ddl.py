"""What is built once the rows are in: keys, indexes, checks and sequences (stage 1), foreign keys (stage 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.identifiers import Namespace, fold, quote_identifier, shorten
from migration.mapping_file_model import OnOrphan
from migration.model import ObjectState, TargetObject
from migration.schema_translation.comment_ddl import commented, table_comments
from migration.schema_translation.expression_nodes import Untranslatable
from migration.schema_translation.expression_translation import translate_expression
from migration.schema_translation.json_checks import translate_check
from migration.schema_translation.mapped_table import MappedTable
from migration.schema_translation.table_ddl import column_list, qualified, set_sequence
from migration.schema_translation.table_keys import (
    collation_of,
    folds_case,
    is_complete,
    plain_columns,
    unique_column_sets,
)
from migration.sqlite_names import folded
from migration.value_conversion.orphan_row_policy import orphan_action, wanted_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migration.model import ColumnPlan, IdentifierPolicy
    from migration.source_schema import SourceForeignKey, SourceIndex, SourceIndexColumn

_NO_ACTION = "NO ACTION"
_ACTIONS = frozenset({"CASCADE", "RESTRICT", "SET NULL", "SET DEFAULT"})


_FOLDED = "SQLite's collation became an expression: NOCASE is lower() of ASCII letters, RTRIM is rtrim()"


def sequence_names(table: MappedTable) -> list[str]:
    """Return the names that PostgreSQL gives to the sequences of a table's identity columns."""
    return [
        f"{table.target_name}_{column.target_name}_seq"
        for column in table.columns.values()
        if column.identity
    ]


class ObjectPlanner:
    """Plans the objects of one source's tables; index names are unique within the schema, as tables are."""

    def __init__(
        self,
        tables: Mapping[str, MappedTable],
        names: Namespace,
        policy: IdentifierPolicy,
        on_orphan: OnOrphan = OnOrphan.NOT_VALID,
    ) -> None:
        """Take over the tables by lower-case name, and the names that are taken in their schema."""
        self._tables = tables
        self._names = names
        self._policy = policy
        self._on_orphan = on_orphan

    def plan(self, table: MappedTable) -> tuple[TargetObject, ...]:
        """Return all objects of a table but views, in the order in which they are built."""
        constraints = Namespace()
        # PostgreSQL 18 gives every NOT NULL a constraint with a name: keep checks away from those.
        constraints.reserve(
            shorten(f"{table.target_name}_{c.target_name}_not_null") for c in table.columns.values()
        )
        objects = list(self._primary_key(table))
        objects += [self._index(table, index) for index in table.source.indexes if index.origin != "pk"]
        constraints.reserve(
            item.name for item in objects if item.kind in {"primary key", "unique constraint"}
        )
        objects += self._checks(table, constraints)
        objects += self._sequences(table)
        objects += table_comments(table)
        objects += [self._foreign_key(table, key, constraints) for key in table.source.foreign_keys]
        return tuple(objects)

    def _primary_key(self, table: MappedTable) -> Iterable[TargetObject]:
        key = table.source.primary_key
        if not key:
            return
        name = self._names.claim(f"{table.target_name}_pkey")
        incomplete = [name for name in key if not is_complete(name, table.columns, table.profiles)]
        built = _key("unique constraint" if incomplete else "primary key", name, table, key)
        source_sql = f"PRIMARY KEY ({', '.join(key)})"
        if incomplete:
            reason = f"UNIQUE instead of PRIMARY KEY: {', '.join(incomplete)} holds NULL, as SQLite allows"
            built = replace(built, state=ObjectState.CHANGED, reason=reason)
            what = f"{table.target_name} ({', '.join(key)})"
            yield _skipped("primary key", what, table, 1, reason, source_sql)
        yield replace(built, source_sql=source_sql)
        collations = {column: collation_of(table.source, column) for column in key}
        if any(folds_case(collation, table.columns[folded(c)]) for c, collation in collations.items()):
            terms = [_collated(table.columns[folded(c)], collation) for c, collation in collations.items()]
            claimed = self._names.claim(f"{name}_folded")
            yield TargetObject(
                "index",
                claimed,
                table.target_name,
                1,
                f"CREATE UNIQUE INDEX {quote_identifier(claimed)} ON {qualified(table.target_name)}"
                f" ({', '.join(terms)})",
                state=ObjectState.CHANGED,
                reason=_FOLDED,
                source_sql=source_sql,
            )

    def _index_name(self, table: MappedTable, index: SourceIndex) -> tuple[str, str]:
        """Return the name that an index should have, and the one to take where that is not free."""
        if index.origin != "c":
            terms = "_".join(term.name or "expression" for term in index.columns)
            name = f"{table.target_name}_{fold(terms, self._policy)}_key"
            return name, name
        name = fold(index.name, self._policy) or "index"
        return name, f"{table.target_name}_{name}"

    def _index(self, table: MappedTable, index: SourceIndex) -> TargetObject:
        names = plain_columns(index)
        wanted, instead = self._index_name(table, index)
        source_sql = (
            index.sql or f"UNIQUE ({', '.join(term.name or term.sql or '' for term in index.columns)})"
        )
        named = [term for term in index.columns if term.name is not None]
        missing = [term.name for term in named if term.name and folded(term.name) not in table.columns]
        if missing:
            reason = f"the column {missing[0]} is not migrated"
            return _skipped("index", self._names.claim(wanted, instead), table, 1, reason, source_sql)
        folds = any(folds_case(t.collation, table.columns[folded(t.name or "")]) for t in named)
        name = self._names.claim(wanted, instead)
        if index.origin == "u" and names is not None and not folds:
            return replace(_key("unique constraint", name, table, names), source_sql=source_sql)
        try:
            terms = [_term(term, table, unique=index.unique) for term in index.columns]
            where = (
                f" WHERE {translate_expression(index.where_sql, table.columns)}" if index.where_sql else ""
            )
        except (Untranslatable, KeyError) as error:
            reason = (
                str(error) if isinstance(error, Untranslatable) else f"there is no column {error.args[0]}"
            )
            return _skipped("index", name, table, 1, reason, source_sql)
        unique = "UNIQUE " if index.unique else ""
        notes = [_FOLDED] if folds else []
        if index.origin == "c" and name != fold(index.name, self._policy):
            notes.append(f"named {index.name} in the source; the name must be free in the schema")
        built = TargetObject(
            "index",
            name,
            table.target_name,
            1,
            f"CREATE {unique}INDEX {quote_identifier(name)} ON {qualified(table.target_name)}"
            f" ({', '.join(terms)}){where}",
            state=ObjectState.CHANGED if notes else ObjectState.CREATED,
            reason="; ".join(notes),
            source_sql=source_sql,
        )
        return commented(built, index.comment)

    def _checks(self, table: MappedTable, constraints: Namespace) -> Iterable[TargetObject]:
        for number, check in enumerate(table.source.checks, 1):
            wanted = fold(check.name, self._policy) if check.name else f"{table.target_name}_check{number}"
            name = constraints.claim(wanted)
            try:
                condition = translate_check(check.sql, table.columns)
            except Untranslatable as error:
                yield _skipped("check", name, table, 1, str(error), f"CHECK ({check.sql})")
                continue
            yield TargetObject(
                "check",
                name,
                table.target_name,
                1,
                f"ALTER TABLE {qualified(table.target_name)} ADD CONSTRAINT {quote_identifier(name)}"
                f" CHECK ({condition})",
                source_sql=f"CHECK ({check.sql})",
            )

    def _sequences(self, table: MappedTable) -> Iterable[TargetObject]:
        for column in table.columns.values():
            if column.identity:
                yield TargetObject(
                    "sequence",
                    f"{table.target_name}.{column.target_name}",
                    table.target_name,
                    1,
                    set_sequence(table.target_name, column.target_name, table.source.autoincrement_seq or 0),
                )

    def _foreign_key(self, table: MappedTable, key: SourceForeignKey, constraints: Namespace) -> TargetObject:
        columns = fold("_".join(key.columns), self._policy)
        name = constraints.claim(f"{table.target_name}_{columns}_fkey")
        source_sql = _foreign_key_sql(key)
        parent = self._tables.get(folded(key.parent_table))
        if parent is None:
            reason = f"the parent table {key.parent_table} is not migrated"
            return _skipped("foreign key", name, table, 2, reason, source_sql)
        parent_columns = key.parent_columns or parent.source.primary_key
        problem = why_impossible(table, parent, key, parent_columns)
        if problem is not None:
            return _skipped("foreign key", name, table, 2, problem, source_sql)
        sql = (
            f"ALTER TABLE {qualified(table.target_name)} ADD CONSTRAINT {quote_identifier(name)}"
            f" FOREIGN KEY ({column_list(table.targets(key.columns))})"
            f" REFERENCES {qualified(parent.target_name)} ({column_list(parent.targets(parent_columns))})"
            f"{_actions(key)}"
        )
        wanted = wanted_for(table.source, self._on_orphan)
        parents = [parent.columns[folded(name)] for name in parent_columns]
        _, refusal = orphan_action(table.source, table.columns, key.columns, parents, wanted)
        return TargetObject(
            "foreign key",
            name,
            table.target_name,
            2,
            sql,
            fallback_sql=f"{sql} NOT VALID",
            source_sql=source_sql,
            fallback_reason=refusal,
        )


def _foreign_key_sql(key: SourceForeignKey) -> str:
    """Return a foreign key as SQLite would write it."""
    parents = f" ({', '.join(key.parent_columns)})" if key.parent_columns else ""
    return f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {key.parent_table}{parents}{_actions(key)}"


def _actions(key: SourceForeignKey) -> str:
    deletes, updates = key.on_delete.upper(), key.on_update.upper()
    actions = f" ON DELETE {deletes}" if deletes in _ACTIONS else ""
    actions += f" ON UPDATE {updates}" if updates in _ACTIONS else ""
    return actions + (" DEFERRABLE INITIALLY DEFERRED" if key.deferrable else "")


def why_impossible(
    table: MappedTable, parent: MappedTable, key: SourceForeignKey, parent_columns: tuple[str, ...]
) -> str | None:
    """Return why a foreign key cannot exist in PostgreSQL; None where it can."""
    if not parent_columns:
        return f"it refers to the primary key of {key.parent_table}, which has none"
    if len(parent_columns) != len(key.columns):
        return f"{len(key.columns)} columns refer to {len(parent_columns)} columns of {key.parent_table}"
    missing = [c for c in parent_columns if folded(c) not in parent.columns]
    if missing:
        return f"{key.parent_table} has no column {', '.join(missing)}"
    missing = [c for c in key.columns if folded(c) not in table.columns]
    if missing:
        return f"there is no column {', '.join(missing)}"
    wanted = frozenset(folded(name) for name in parent_columns)
    if wanted not in unique_column_sets(parent.source, parent.columns):
        return f"{', '.join(parent_columns)} is not unique in {key.parent_table}"
    return None


def _collated(column: ColumnPlan, collation: str) -> str:
    """Return an index term that compares as SQLite's collation does (https://sqlite.org/datatype3.html#collation)."""
    name = quote_identifier(column.target_name)
    if not folds_case(collation, column):
        return name
    # Collation "C" knows upper and lower case of ASCII letters only, as NOCASE does.
    return f'lower({name} COLLATE "C")' if collation.upper() == "NOCASE" else f"rtrim({name}, ' ')"


def _term(term: SourceIndexColumn, table: MappedTable, *, unique: bool) -> str:
    """Return one term of an index; raises Untranslatable."""
    if term.name is None:
        sql = f"({translate_expression(term.sql or '', table.columns)})"
        complete = False
    else:
        column = table.columns[folded(term.name)]
        sql = _collated(column, term.collation)
        complete = column.not_null
    direction = " DESC" if term.descending else ""
    if complete or unique:
        return sql + direction
    # SQLite sorts NULL before everything: https://sqlite.org/lang_select.html#orderby
    return sql + (" DESC NULLS LAST" if term.descending else " NULLS FIRST")


def _key(kind: str, name: str, table: MappedTable, names: Iterable[str]) -> TargetObject:
    """Plan a primary key or unique constraint over columns of the source."""
    columns = column_list(table.targets(names))
    words = "PRIMARY KEY" if kind == "primary key" else "UNIQUE"
    quoted, where = quote_identifier(name), qualified(table.target_name)
    start = f"ALTER TABLE {where} ADD CONSTRAINT {quoted} {words}"
    return TargetObject(
        kind,
        name,
        table.target_name,
        1,
        f"{start} ({columns})",
        index_sql=f"CREATE UNIQUE INDEX {quoted} ON {where} ({columns})",
        adopt_sql=f"{start} USING INDEX {quoted}",
    )


def _skipped(
    kind: str, name: str, table: MappedTable, stage: int, reason: str, source_sql: str
) -> TargetObject:
    return TargetObject(
        kind,
        name,
        table.target_name,
        stage,
        "",
        state=ObjectState.SKIPPED,
        reason=reason,
        source_sql=source_sql,
    )
