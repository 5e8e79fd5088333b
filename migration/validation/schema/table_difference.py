"""Two tables compared by what they take and refuse: columns, keys and constraints. Pure.

Names of constraints and indexes do not count, nor do orders in which an index can be read backwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.model import Finding, FindingKind
from migration.validation.schema.index_difference import DEFERRED, index_findings, rows_of_key
from migration.validation.schema.type_difference import type_difference

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.target.pg_catalog.table_shapes import ColumnShape, ConstraintShape, TableShape
    from migration.validation.schema.table_pair import TablePair

_ACTIONS: Final = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_CHECK, _FOREIGN_KEY, _EXCLUSION = "c", "f", "x"
_FULL: Final = "f"
_AT_REST: Final = "not enforced: triggers of it, by which the server enforces it, are disabled"
_SAYS: Final = {
    FindingKind.TYPE_NARROWER: "which holds less than",
    FindingKind.TYPE_WIDER: "which holds all of",
    FindingKind.TYPE_STRICTER: "which is more special than",
    FindingKind.TYPE_OTHER: "where it would be",
}


def table_findings(pair: TablePair) -> list[Finding]:
    """Return what differs, in the order: columns, keys, constraints, indexes."""
    if not pair.standing.is_table:
        kind = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}.get(
            pair.standing.kind, "something else"
        )
        return [
            Finding(
                FindingKind.RELATION_KIND,
                pair.name,
                f"{pair.standing.name} is {kind}, not a table",
                is_error=False,
            )
        ]
    return [
        *_columns(pair),
        *_primary_key(pair),
        *index_findings(pair),
        *_foreign_keys(pair),
        *_checks(pair),
    ]


def _columns(pair: TablePair) -> Iterator[Finding]:
    standing = {column.name: column for column in pair.standing.columns}
    own = {column.name: column for column in pair.own.columns}
    fitted = {column.name: column for column in pair.fitted.columns}
    for name, theirs in standing.items():
        if name in pair.left_out:
            continue
        if name not in own:
            fills = theirs.default_sql is not None or theirs.identity or not theirs.not_null
            note = (
                ""
                if fills
                else "; it is NOT NULL without a default, so that inserts of the source's columns fail"
            )
            yield _found(
                pair, FindingKind.EXTRA_COLUMN, f"The target's column {name} is not in the source{note}"
            )
            continue
        column = pair.names.get(name, name)
        for kind, message in _column(pair, own[name], fitted.get(name, own[name]), theirs):
            yield _found(pair, kind, message, column)


def _column(
    pair: TablePair, own: ColumnShape, fitted: ColumnShape, theirs: ColumnShape
) -> Iterator[tuple[FindingKind, str]]:
    yield from _type(own, theirs)
    yield from _not_null(pair, own, theirs)
    if theirs.is_generated and own.name in pair.unknown_defaults:
        return  # said elsewhere: the source computes it, too, and nobody can compare how
    if own.is_generated or theirs.is_generated:
        yield from _generated(own, fitted, theirs)
        return
    yield from _numbers(own, theirs)
    if not own.numbers_itself and not theirs.numbers_itself and own.name not in pair.unknown_defaults:
        yield from _default(pair, fitted, theirs)


def _type(own: ColumnShape, theirs: ColumnShape) -> Iterator[tuple[FindingKind, str]]:
    kind = type_difference(own, theirs)
    if kind is not None:
        yield kind, f"The column is {theirs.base_type}, {_SAYS[kind]} {own.base_type}"
    if theirs.is_domain and theirs.type != own.type:
        yield FindingKind.DOMAIN, f"The column is of the domain {theirs.type}, over {theirs.base_type}"
    if theirs.collation is not None:
        message = f'The column has the collation "{theirs.collation}", where it would have the usual one'
        yield FindingKind.COLLATION, message


def _not_null(pair: TablePair, own: ColumnShape, theirs: ColumnShape) -> Iterator[tuple[FindingKind, str]]:
    """NOT NULL of a primary key is the key's affair."""
    if own.not_null and not theirs.not_null and not _in_key(pair.own, own.name):
        yield FindingKind.NOT_NULL, "The column takes NULL, and would be NOT NULL"
    in_key = _in_key(pair.own, own.name) or _in_extra_key(pair, own.name)
    if theirs.not_null and not own.not_null and not theirs.is_domain and not in_key:
        yield FindingKind.NOT_NULL, "The column is NOT NULL, and the source takes NULL"


def _in_extra_key(pair: TablePair, column: str) -> bool:
    """Whether a primary key of the target alone, which is told as such, makes it NOT NULL."""
    keys = (key for key in pair.standing.constraints if key.kind == "p")
    return any(column in key.columns and not _same_unique(pair, key) for key in keys)


def _in_key(shape: TableShape, column: str) -> bool:
    return any(c.kind == "p" and column in c.columns for c in shape.constraints)


def _generated(
    own: ColumnShape, fitted: ColumnShape, theirs: ColumnShape
) -> Iterator[tuple[FindingKind, str]]:
    if not own.is_generated:
        yield FindingKind.GENERATED, f"The column is computed by the target alone: {theirs.default_sql}"
    elif not theirs.is_generated:
        yield FindingKind.GENERATED, f"The column is not computed, and would be: {fitted.default_sql}"
    elif fitted.default_sql != theirs.default_sql:
        message = f"The column is computed as {theirs.default_sql}, and would be as {fitted.default_sql}"
        yield FindingKind.GENERATED, message


def _numbers(own: ColumnShape, theirs: ColumnShape) -> Iterator[tuple[FindingKind, str]]:
    if own.numbers_itself and not theirs.numbers_itself:
        yield FindingKind.IDENTITY, "The column does not give itself numbers, and it would"
    elif theirs.numbers_itself and not own.numbers_itself:
        yield FindingKind.IDENTITY, "The column gives itself numbers, and it would not"
    elif theirs.identity == "a" and own.identity != "a":
        message = "The column is GENERATED ALWAYS: it refuses numbers that an insert brings along"
        yield FindingKind.IDENTITY, message


def _default(pair: TablePair, fitted: ColumnShape, theirs: ColumnShape) -> Iterator[tuple[FindingKind, str]]:
    ours = fitted.default_sql
    ours = None if ours is None or ours.startswith("NULL::") else ours
    given = theirs.default_sql
    given = None if given is None or given.startswith("NULL::") else given
    if ours is None and given is not None:
        yield FindingKind.DEFAULT, f"The default {given} stands in the target alone"
    elif ours is not None and given is None:
        yield FindingKind.DEFAULT, f"The default is missing: {ours}"
    elif ours is not None and given is not None and ours != given and not pair.same_value(fitted, theirs):
        yield FindingKind.DEFAULT, f"The default is {given}, and would be {ours}"


def _primary_key(pair: TablePair) -> Iterator[Finding]:
    ours = next((c for c in pair.own.constraints if c.kind == "p"), None)
    theirs = next((c for c in pair.standing.constraints if c.kind == "p"), None)
    if ours is None:
        if theirs is not None and "primary key" not in pair.unknown_kinds and not _same_unique(pair, theirs):
            message = f"A primary key on ({', '.join(theirs.columns)}) stands in the target alone"
            yield _found(pair, FindingKind.EXTRA_CONSTRAINT, message)
        return
    if pair.left_out.intersection(ours.columns):
        return
    columns = ", ".join(ours.columns)
    if theirs is not None and set(theirs.columns) == set(ours.columns):
        if theirs.is_deferrable:
            message = f"The primary key on ({columns}) is DEFERRABLE: {DEFERRED}"
            yield _found(pair, FindingKind.KEY_DEFERRABLE, message)
        return
    message = f"No primary key on ({columns})"
    if theirs is not None:
        message += f": it is on ({', '.join(theirs.columns)})"
    elif any(rows_of_key(index, ours.columns) for index in pair.standing.indexes):
        message += ": a unique key stands in its place"
    yield _found(pair, FindingKind.PRIMARY_KEY, message)


def _same_unique(pair: TablePair, key: ConstraintShape) -> bool:
    return any(rows_of_key(index, key.columns) for index in pair.own.indexes)


def _foreign_keys(pair: TablePair) -> Iterator[Finding]:
    left = [c for c in pair.standing.constraints if c.kind == _FOREIGN_KEY]
    for ours in pair.own.constraints:
        if ours.kind != _FOREIGN_KEY or pair.left_out.intersection(ours.columns):
            continue
        words = f"foreign key on ({', '.join(ours.columns)}) to {ours.parent}"
        candidates = [c for c in left if _pairs(c) == _pairs(ours) and c.parent == ours.parent and c.is_near]
        if not candidates:
            namesake = next((c for c in left if _pairs(c) == _pairs(ours) and c.parent == ours.parent), None)
            if namesake is None:
                yield _found(pair, FindingKind.FOREIGN_KEY, f"No {words}")
            else:
                left.remove(namesake)
                message = f"The {words} refers to {namesake.parent_place} instead"
                yield _found(pair, FindingKind.FOREIGN_KEY, message)
            continue
        best = min(
            candidates,
            key=lambda c: (
                not c.has_triggers_on,
                _actions(c) != _actions(ours),
                not c.is_valid,
                not c.is_enforced,
            ),
        )
        left.remove(best)
        if not (best.is_valid and best.is_enforced and best.has_triggers_on):
            says = "NOT ENFORCED" if not best.is_enforced else _AT_REST
            if best.has_triggers_on and best.is_enforced:
                says = "NOT VALID: rows without a parent may stand there"
            yield _found(pair, FindingKind.FOREIGN_KEY_NOT_VALID, f"The {words} is {says}")
        if _actions(best) != _actions(ours):
            message = f"The {words} is {_actions(best)}, and would be {_actions(ours)}"
            yield _found(pair, FindingKind.FOREIGN_KEY_ACTION, message)
    if "foreign key" not in pair.unknown_kinds:
        for extra in left:
            parent = extra.parent if extra.is_near else extra.parent_place
            message = f"A foreign key on ({', '.join(extra.columns)}) to {parent} stands in the target alone"
            yield _found(pair, FindingKind.EXTRA_CONSTRAINT, message)


def _pairs(key: ConstraintShape) -> frozenset[tuple[str, str]]:
    return frozenset(zip(key.columns, key.parent_columns, strict=True))


def _actions(key: ConstraintShape) -> str:
    of = (
        f" ({', '.join(key.set_columns)})"
        if set(key.set_columns) != set(key.columns) and key.set_columns
        else ""
    )
    words = f"ON DELETE {_ACTIONS[key.on_delete]}{of} ON UPDATE {_ACTIONS[key.on_update]}"
    if key.match == _FULL and len(key.columns) > 1:
        words = f"MATCH FULL {words}"  # of one column it is the same as MATCH SIMPLE
    if key.is_deferred:
        return f"{words} INITIALLY DEFERRED"
    return f"{words} DEFERRABLE" if key.is_deferrable else words


def _checks(pair: TablePair) -> Iterator[Finding]:
    left = [c for c in pair.standing.constraints if c.kind == _CHECK]
    missing = []
    for ours in (c for c in pair.fitted.constraints if c.kind == _CHECK):
        if pair.left_out.intersection(ours.columns):
            continue
        found = next((c for c in left if c.condition == ours.condition), None)
        if found is None:
            missing.append(ours)
            continue
        left.remove(found)
        if not found.is_valid or not found.is_enforced:
            says = (
                "NOT ENFORCED" if not found.is_enforced else "NOT VALID: rows that break it may stand there"
            )
            yield _found(pair, FindingKind.CHECK, f"CHECK {_condition(found)} is {says}")
    for ours in missing:
        other = next((c for c in left if c.name == ours.name), None) or next(
            (c for c in left if len(left) == len(missing) and set(c.columns) == set(ours.columns)), None
        )
        if other is None:
            yield _found(pair, FindingKind.CHECK, f"No CHECK {_condition(ours)}")
            continue
        left.remove(other)
        message = f"CHECK {_condition(other)} stands where it would be {_condition(ours)}"
        yield _found(pair, FindingKind.CHECK, message)
    left += [c for c in pair.standing.constraints if c.kind == _EXCLUSION]
    if "check" not in pair.unknown_kinds:
        for extra in left:
            words = (
                f"CHECK {_condition(extra)}"
                if extra.kind == _CHECK
                else f"An exclusion constraint, {extra.name},"
            )
            yield _found(pair, FindingKind.EXTRA_CONSTRAINT, f"{words} stands in the target alone")


def _condition(check: ConstraintShape) -> str:
    condition = check.condition or ""
    return condition if condition.startswith("(") and condition.endswith(")") else f"({condition})"


def _found(pair: TablePair, kind: FindingKind, message: str, column: str | None = None) -> Finding:
    return Finding(kind, pair.name, message, column, is_error=False)
