"""The schema of a source compared with what stands in the target: as Convoy would have made it, told by the server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.mapping_file.loss_signatures import signed, skipped_finding
from migration.model import Finding, FindingKind, ObjectState
from migration.sqlite_names import folded
from migration.target.pg_catalog.source_name_matching import match_names
from migration.target.pg_catalog.table_shapes import read_shapes
from migration.validation.schema.default_difference import same_default
from migration.validation.schema.fitted_plans import plan_fitted
from migration.validation.schema.partition_difference import partition_findings
from migration.validation.schema.sequence_check import sequence_findings
from migration.validation.schema.standing_extras import extra_findings, refused_changes
from migration.validation.schema.table_difference import table_findings
from migration.validation.schema.table_pair import TablePair
from migration.validation.schema.view_difference import view_findings
from migration.validation.schema.wanted_shapes import WantedShape, wanted_shapes, why_nothing_is_built

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from migration.model import ObjectResult, TablePlan
    from migration.run_options import RunOptions
    from migration.schema_translation.source_plan import ProfiledSource
    from migration.target.pg_catalog.table_shapes import TableShape
    from migration.validation.schema.fitted_plans import FittedPlans

_EXTRA_NAMED: Final = 20
_SHAPED: Final = frozenset({"check", "index", "unique constraint", "primary key", "foreign key"})


@dataclass(slots=True)
class SchemaComparison:
    """Findings, and how many columns, keys, constraints, indexes and views were compared for each table.

    A table that is not in `checked` was not compared.
    """

    findings: list[Finding] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)


def compare_schema(
    connection: Connection,
    source: ProfiledSource,
    names: Mapping[str, str],
    schema: str,
    options: RunOptions,
    *,
    left_out: Mapping[str, frozenset[str]],
    expected: Collection[str],
    parents: Mapping[str, str],
) -> SchemaComparison:
    """Compare tables, views and sequences. Nothing is written: what is built for it is temporary and undone.

    Args:
        connection: to the target; its transaction is rolled back.
        source: what it declares of the tables to be compared and of `parents`, and what the columns of the former hold.
        names: table of the source → table of the target.
        schema: the target schema, unquoted.
        options: of the run.
        left_out: table of the source → columns of the target that are not to be compared.
        expected: names in the target that belong to this or another source of the run.
        parents: table of the source → table of the target, for those that are not compared, but referred to.

    Raises:
        RetryableError: the connection broke.
    """
    result = SchemaComparison()
    try:
        shapes = read_shapes(connection, schema, [*names.values(), *parents.values()])
        standing = {name: shapes[target] for name, target in names.items() if target in shapes}
        views = _views(connection, source, schema)
        around = standing | _shapes_by_source(connection, schema, views)
        triggers = [item.name for item in source.schema.objects if item.kind == "trigger"]
        result.findings += extra_findings(connection, around, triggers)
        result.findings += refused_changes(connection, standing)
        for table in source.schema.tables:
            if table.name in standing and standing[table.name].is_table:
                mark = table.autoincrement_seq
                shape = standing[table.name]
                result.findings += sequence_findings(connection, schema, shape, table.name, mark)
                result.findings += partition_findings(connection, shape, table.name)
        result.findings += _extra_tables(connection, schema, {*expected, *names.values(), *views.values()})
        if why := why_nothing_is_built(connection):
            result.findings.append(_not_compared("", why))
            return result
        referred_to = {name: shapes[target] for name, target in parents.items() if target in shapes}
        plans = plan_fitted(source, referred_to | standing, options, referred_to.keys())
        zone = options.source_timezone
        wanted = _Wanted(
            *(
                dict(zip(standing, _wanted_of(connection, schema, of, list(standing), zone), strict=True))
                for of in (plans.own, plans.fitted)
            )
        )
        for name, shape in standing.items():
            without = left_out.get(name, frozenset())
            _compare_table(connection, schema, plans, wanted, name, shape, without, result, options)
        result.findings += [_untranslated(item, plans, standing, options) for item in plans.untranslated]
        result.findings += _lost_triggers(connection, schema, plans.triggers, options)
        found, compared = view_findings(connection, schema, source, list(plans.fitted.values()), options)
        result.findings += found
        if compared and result.checked:
            first = next(iter(result.checked))
            result.checked[first] += compared
        return result
    finally:
        connection.rollback()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the server makes of a source's tables, by their names there: in Convoy's types, and in those that stand."""

    own: Mapping[str, WantedShape | str]
    fitted: Mapping[str, WantedShape | str]


def _wanted_of(
    connection: Connection, schema: str, plans: Mapping[str, TablePlan], names: Sequence[str], zone: str
) -> list[WantedShape | str]:
    return wanted_shapes(connection, schema, [plans[name] for name in names], list(plans.values()), zone)


def _compare_table(
    connection: Connection,
    schema: str,
    plans: FittedPlans,
    wanted: _Wanted,
    name: str,
    standing: TableShape,
    left_out: frozenset[str],
    result: SchemaComparison,
    options: RunOptions,
) -> None:
    plan = plans.own[name]
    own = wanted.own[name]
    if isinstance(own, str):
        message = f"Convoy's own table cannot be built here to compare with: {own}"
        result.findings.append(_not_compared(name, message))
        return
    fitted = wanted.fitted[name]
    if isinstance(fitted, str):
        result.findings.append(_unchecked(name, f"Expressions were not compared: {fitted}"))
        fitted = _without_expressions(own)
    skipped = [i for i in plan.objects if i.kind in _SHAPED and i.state is ObjectState.SKIPPED]
    result.findings += [
        signed(skipped_finding(i.kind, i.name, name, i.reason), options)
        if i.kind == "primary key"
        else _unchecked(name, f"{i.kind} {i.name} has no translation to compare with: {i.reason}")
        for i in skipped
    ]
    refused = [i for i in plan.objects if i.name in fitted.refused and i.kind in _SHAPED]
    silent = [i for i in refused if i.kind in {"check", "index"}]
    result.findings += [
        _unchecked(name, f"{i.kind} {i.name} does not go with the types that stand: {fitted.refused[i.name]}")
        for i in silent
    ]
    unknown = {i.kind for i in (*skipped, *silent)} - {"primary key"}  # that one is lost, and known
    defaults = {i.name for i in plans.untranslated}
    pair = TablePair(
        name=name,
        names={column.target_name: column.name for column in plan.columns},
        own=own.shape,
        fitted=fitted.shape,
        standing=standing,
        left_out=left_out | plans.absent[name],
        unknown_defaults=frozenset(c.target_name for c in plan.columns if f"{name}.{c.name}" in defaults),
        unknown_kinds=frozenset(unknown),
        same_value=partial(same_default, connection, schema),
    )
    result.findings += table_findings(pair)
    result.checked[name] = len(own.shape.columns) + len(own.shape.constraints) + len(own.shape.indexes)


def _without_expressions(own: WantedShape) -> WantedShape:
    plain = tuple(index for index in own.shape.indexes if index.is_plain)
    keys = tuple(key for key in own.shape.constraints if key.kind != "c")
    lost = {c.name: "" for c in own.shape.constraints if c.kind == "c"}
    lost |= {i.name: "" for i in own.shape.indexes if not i.is_plain}
    return WantedShape(replace(own.shape, indexes=plain, constraints=keys), own.refused | lost)


def compare_as_planned(
    connection: Connection, schema: str, plans: Iterable[TablePlan], not_built: Collection[str], zone: str
) -> SchemaComparison:
    """Compare tables that a run has built with its plan, in `schema`. The transaction is rolled back.

    Those that were compared are called as in the target: two sources may have one of a name.

    Args:
        connection: to the target.
        schema: the staging schema, unquoted.
        plans: tables of one target schema.
        not_built: names of objects of which the report says already that they are not as planned.
        zone: the source's time zone.
    """
    result = SchemaComparison()
    everything = list(plans)
    try:
        shapes = read_shapes(connection, schema, [plan.target_name for plan in everything])
        if why := why_nothing_is_built(connection):
            result.findings.append(_only_built("", why))
            return result
        built = [
            replace(plan, objects=tuple(item for item in plan.objects if item.name not in not_built))
            for plan in everything
        ]
        found = wanted_shapes(connection, schema, built, everything, zone)
        for plan, wanted in zip(everything, found, strict=True):
            if isinstance(wanted, str) or plan.target_name not in shapes:
                why = wanted if isinstance(wanted, str) else "the table is gone"
                told = _only_built(plan.name, f"The schema was not compared: {why}")
                result.findings.append(told.of(plan.source_label))
                continue
            pair = TablePair(
                name=plan.name,
                names={column.target_name: column.name for column in plan.columns},
                own=wanted.shape,
                fitted=wanted.shape,
                standing=shapes[plan.target_name],
                unknown_kinds=frozenset(
                    i.kind
                    for i in plan.objects
                    if i.kind != "primary key" and (i.name in not_built or i.state is ObjectState.SKIPPED)
                ),
                same_value=partial(same_default, connection, schema),
            )
            result.findings += [found.of(plan.source_label) for found in table_findings(pair)]
            shape = wanted.shape
            result.checked[plan.target_name] = (
                len(shape.columns) + len(shape.constraints) + len(shape.indexes)
            )
        return result
    finally:
        connection.rollback()


def _untranslated(
    item: ObjectResult, plans: FittedPlans, standing: Mapping[str, TableShape], options: RunOptions
) -> Finding:
    """Say of a default that it was not compared, and of a computed column that it is lost where the target's is not."""
    for name, plan in plans.own.items():
        for column in plan.columns:
            if item.kind != "generated column" or item.name != f"{name}.{column.name}":
                continue
            shapes = {shape.name: shape for shape in standing[name].columns} if name in standing else {}
            there = shapes.get(column.target_name)
            if there is not None and not there.is_generated:
                return signed(skipped_finding(item.kind, item.name, name, item.reason), options)
    return _unchecked("", f"{item.kind} {item.name} has no translation to compare with: {item.reason}")


def _lost_triggers(
    connection: Connection, schema: str, triggers: Sequence[ObjectResult], options: RunOptions
) -> list[Finding]:
    """Return what `migrate` says of triggers, of those that nobody has written again under their names."""
    there = {folded(name) for name in connection.execute(text(_TRIGGERS), {"schema": schema}).scalars()}
    return [
        signed(skipped_finding(item.kind, item.name, item.owner, item.reason), options)
        for item in triggers
        if folded(item.name) not in there
    ]


def _views(connection: Connection, source: ProfiledSource, schema: str) -> dict[str, str]:
    """Return the objects of the source that stand: name there → name in the target."""
    there = connection.execute(text(_RELATIONS), {"schema": schema}).scalars().all()
    return dict(match_names([item.name for item in source.schema.objects], there))


def _shapes_by_source(connection: Connection, schema: str, names: Mapping[str, str]) -> dict[str, TableShape]:
    shapes = read_shapes(connection, schema, list(names.values()))
    return {name: shapes[target] for name, target in names.items() if target in shapes}


_TRIGGERS: Final = (
    "SELECT t.tgname FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema AND NOT t.tgisinternal"
)
_RELATIONS: Final = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition"
    # Members of an extension came with it.
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) ORDER BY c.relname"
)


def _extra_tables(connection: Connection, schema: str, expected: Collection[str]) -> list[Finding]:
    there = connection.execute(text(_RELATIONS), {"schema": schema}).scalars().all()
    extra = [name for name in there if name not in expected]
    findings = [
        _found(FindingKind.EXTRA_TABLE, name, f"The schema {schema} holds {name}, which no source has")
        for name in extra[:_EXTRA_NAMED]
    ]
    if len(extra) > _EXTRA_NAMED:
        message = f"The schema {schema} holds {len(extra) - _EXTRA_NAMED:,} more that no source has"
        findings.append(_found(FindingKind.EXTRA_TABLE, "", message))
    return findings


def _not_compared(table: str, message: str) -> Finding:
    return _found(FindingKind.SCHEMA_NOT_COMPARED, table, message[:1].upper() + message[1:])


def _only_built(table: str, message: str) -> Finding:
    return _found(FindingKind.SCHEMA_ONLY_BUILT, table, message[:1].upper() + message[1:])


def _unchecked(table: str, message: str) -> Finding:
    return _found(FindingKind.NOT_CHECKED, table, message[:1].upper() + message[1:])


def _found(kind: FindingKind, table: str, message: str) -> Finding:
    return Finding(kind, table, message, is_error=False)
