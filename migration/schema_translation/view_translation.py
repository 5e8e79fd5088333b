"""Views in PostgreSQL's words: sqlglot translates the query, this module its names.

SQLite does not tell upper from lower case in names and PostgreSQL, once they are quoted, does. So every name is
resolved to the spelling under which its table, column or alias stands in the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqlglot import exp

from migration.identifiers import PLACEHOLDER
from migration.model import ValueKind
from migration.schema_translation.expression_nodes import Untranslatable, remember_kind
from migration.schema_translation.expression_translation import (
    align_literals,
    compared_as,
    parse_statement,
    print_postgres,
)
from migration.schema_translation.operator_meanings import align_operators
from migration.schema_translation.table_ddl import qualified
from migration.schema_translation.table_keys import collation_of
from migration.schema_translation.view_collations import FoldingColumns
from migration.schema_translation.view_functions import check_view_words, fold_ascii
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from migration.schema_translation.mapped_table import MappedTable

_SCHEMA_MARK = "convoy_schema_mark"
_ROWID_NAMES = ("rowid", "_rowid_", "oid")

_Columns: TypeAlias = "Mapping[str, tuple[str, ValueKind | None]]"
"""Lower-case name → spelling in the target, and kind where it is known."""
_Sources: TypeAlias = "Mapping[str, tuple[str, _Columns | None]]"
"""Lower-case name or alias → how the query calls a table, and its columns where they are known."""


@dataclass(frozen=True, slots=True)
class TranslatedView:
    """CREATE VIEW with the placeholder for the schema, and what it reads, in lower case."""

    sql: str
    reads: frozenset[str]


class ViewTranslator:
    """Translates the views of one source."""

    def __init__(self, tables: Mapping[str, MappedTable], views: Mapping[str, str]) -> None:
        """Take over tables by lower-case name and the target names of views by lower-case name."""
        self._names = {name: table.target_name for name, table in tables.items()} | dict(views)
        self._columns: dict[str, _Columns] = {
            name: {key: (plan.target_name, compared_as(plan)) for key, plan in table.columns.items()}
            for name, table in tables.items()
        }
        # SQLite's * leaves out the rowid of a full-text table; here it has become a column.
        self._with_rowid = {name for name, table in tables.items() if table.source.rows_sql is not None}
        # Of views, too, once they are translated. What is no text in the target has no collation that matters.
        self._folding: dict[str, Collection[str]] = {
            name: {
                folded(column.name)
                for column in table.source.columns
                if column.collation != "BINARY" and table.columns[folded(column.name)].kind is ValueKind.TEXT
            }
            for name, table in tables.items()
        }
        self._unique_folding = {
            name: {column for column in columns if _is_unique(column, tables[name])}
            for name, columns in self._folding.items()
        }
        self._spellings: dict[str, set[str]] = {}
        for columns in self._columns.values():
            for name, (spelling, _) in columns.items():
                self._spellings.setdefault(name, set()).add(spelling)
        for name, table in tables.items():
            self._columns[name] = _with_rowid(table, self._columns[name])

    def translate(self, name: str, sql: str) -> TranslatedView:
        """Translate the CREATE VIEW statement of a view, after those that it reads.

        `name` is the view's lower-case name.

        Raises:
            Untranslatable: the query is not understood, or reads a table that is not migrated; says why.
        """
        tree = parse_statement(sql)
        query = tree.args.get("expression")
        if not isinstance(tree, exp.Create) or not isinstance(query, (exp.Select, exp.SetOperation)):
            raise Untranslatable("the SQL is not understood")
        check_view_words(query)
        columns = [
            identifier.name
            for identifier in (tree.this.expressions if isinstance(tree.this, exp.Schema) else [])
        ]
        folding = FoldingColumns(
            query, _by_alias(query, self._folding), _by_alias(query, self._unique_folding)
        )
        folding.check()
        self._folding[name] = folding.outputs(columns)
        ctes = {folded(cte.alias): cte.alias for cte in query.find_all(exp.CTE)}
        reads, sources = self._tables_in(query, ctes)
        wider = next((name for name in reads if name in self._with_rowid), None)
        if wider is not None and any(select.is_star for select in query.find_all(exp.Select)):
            raise Untranslatable(f"its * would show the rowid of {wider}, which is a column there")
        aliases = _aliases(query)
        for column in list(query.find_all(exp.Column)):
            self._resolve(column, sources, aliases)
        for join in query.find_all(exp.Join):
            for identifier in join.args.get("using") or []:
                _rename(identifier, self._spelling(identifier.name, None, aliases) or identifier.name)
        align_literals(query)
        align_operators(query)
        fold_ascii(query)
        body = print_postgres(query).replace(f'"{_SCHEMA_MARK}"', PLACEHOLDER)
        listed = f" ({', '.join(_quoted(column) for column in columns)})" if columns else ""
        self._columns[name] = {folded(output): (output, None) for output in columns or query.named_selects}
        return TranslatedView(
            f"CREATE VIEW {qualified(self._names[name])}{listed} AS {body}", frozenset(reads)
        )

    def _tables_in(self, query: exp.Expression, ctes: Mapping[str, str]) -> tuple[set[str], _Sources]:
        """Point every table of a query to the target; return what is read, and under what names."""
        reads: set[str] = set()
        sources: dict[str, tuple[str, _Columns | None]] = {}
        for node in list(query.find_all(exp.Table)):
            name = folded(node.name)
            if name in ctes and not node.db:
                _rename(node.this, ctes[name])
                sources[folded(node.alias or name)] = (node.alias or ctes[name], None)
                continue
            if node.db and folded(node.db) != "main":
                raise Untranslatable(f"it reads {node.db}.{node.name}, which is another database")
            if not isinstance(node.this, exp.Identifier):
                raise Untranslatable(f"it reads {node.sql(dialect='sqlite')}, which PostgreSQL does not have")
            target = self._names.get(name)
            if target is None:
                raise Untranslatable(f"it reads {node.name}, which is not migrated")
            reads.add(name)
            _rename(node.this, target)
            node.set("db", exp.to_identifier(_SCHEMA_MARK, quoted=True))
            sources[folded(node.alias or name)] = (node.alias or target, self._columns.get(name))
        return reads, sources

    def _resolve(self, column: exp.Column, sources: _Sources, aliases: Mapping[str, str]) -> None:
        columns: _Columns | None = None
        if column.table:
            called, columns = sources.get(folded(column.table), (column.table, None))
            _rename(column.args["table"], called)
            column.set("db", None)
        if isinstance(column.this, exp.Star):
            return
        name = column.name
        # An alias goes before the rowid in ORDER BY, and behind it elsewhere: what may be either is left to the server.
        is_alias = folded(name) in _ROWID_NAMES and folded(name) in aliases
        if columns is None and not column.table and not is_alias:
            columns = _only_owner(folded(name), sources)
        if columns is not None and folded(name) in columns:
            spelling, kind = columns[folded(name)]
            if kind is not None:
                remember_kind(column, kind)
            _rename(column.this, spelling)
            return
        known = self._spelling(name, columns, aliases)
        if known is not None:
            _rename(column.this, known)
        elif column.this.quoted and not column.table:
            # SQLite takes a double-quoted name that is nothing else for a text: https://sqlite.org/quirks.html
            column.replace(exp.Literal.string(name))

    def _spelling(self, name: str, columns: _Columns | None, aliases: Mapping[str, str]) -> str | None:
        if columns is None and folded(name) in aliases:
            return aliases[folded(name)]
        known = self._spellings.get(folded(name), set())
        return next(iter(known)) if len(known) == 1 else (name if known else None)


def _is_unique(name: str, table: MappedTable) -> bool:
    """Tell whether a column is unique, by the collation that it is compared by."""
    if [folded(part) for part in table.source.primary_key] == [name]:
        return True
    collation = collation_of(table.source, name).upper()
    return any(
        index.unique
        and index.where_sql is None
        and [(folded(term.name or ""), term.collation.upper()) for term in index.columns]
        == [(name, collation)]
        for index in table.source.indexes
    )


def _by_alias(query: exp.Expression, names: Mapping[str, Collection[str]]) -> dict[str, Collection[str]]:
    """Return the columns of each table that is read, by the lower-case name that the query calls it."""
    found: dict[str, set[str]] = {}
    for node in query.find_all(exp.Table):
        called = folded(node.alias or node.name)
        found.setdefault(called, set()).update(names.get(folded(node.name), ()))
    return dict(found)


def _with_rowid(table: MappedTable, columns: _Columns) -> _Columns:
    """Add the names of the rowid, where a column is one: https://sqlite.org/lang_createtable.html#rowid."""
    key = columns.get(folded(table.source.rowid_alias or ""))
    return columns if key is None else dict.fromkeys(_ROWID_NAMES, key) | dict(columns)


def _only_owner(name: str, sources: _Sources) -> _Columns | None:
    """Return the columns of the table that has a column of this name, if its spelling is clear."""
    owners = [columns for _, columns in sources.values() if columns is not None and name in columns]
    return owners[0] if len({owner[name][0] for owner in owners}) == 1 else None


def _aliases(query: exp.Expression) -> dict[str, str]:
    """Return the names that a query itself gives to columns, as it spells them first."""
    aliases: dict[str, str] = {}
    for node in query.find_all(exp.Alias):
        spelling = aliases.setdefault(folded(node.alias), node.alias)
        node.set("alias", exp.to_identifier(spelling, quoted=True))
    for table_alias in query.find_all(exp.TableAlias):
        for identifier in table_alias.args.get("columns") or []:
            spelling = aliases.setdefault(folded(identifier.name), identifier.name)
            _rename(identifier, spelling)
    return aliases


def _rename(identifier: exp.Expression, name: str) -> None:
    identifier.set("this", name) if isinstance(identifier, exp.Identifier) else identifier.this.set(
        "this", name
    )


def _quoted(name: str) -> str:
    return print_postgres(exp.to_identifier(name, quoted=True))


def tables_read(sql: str) -> frozenset[str]:
    """Return the lower-case names of all that a view may read; empty where its SQL is not understood."""
    try:
        return frozenset(folded(node.name) for node in parse_statement(sql).find_all(exp.Table))
    except Untranslatable:
        return frozenset()


def in_order(reads: Mapping[str, frozenset[str]]) -> Iterable[str]:
    """Return the names of views so that each one comes after those that it reads."""
    done: set[str] = set()
    waiting = list(reads)
    while waiting:
        ready = [name for name in waiting if not (reads[name] & set(reads)) - done - {name}]
        for name in ready or waiting:  # views that read each other in a circle fail on their own
            yield name
            done.add(name)
        waiting = [name for name in waiting if name not in done]
