"""The schema of a source compared with what stands in the target: as Convoy would have made it, told by the server."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.model import Finding, FindingKind, ObjectState
from migration.target.pg_catalog.source_name_matching import match_names
from migration.target.pg_catalog.table_shapes import look_in, read_shapes
from migration.target.sql_statements import quoted, run_sql
from migration.validation.schema.fitted_plans import plan_fitted
from migration.validation.schema.sequence_check import sequence_findings
from migration.validation.schema.table_difference import table_findings
from migration.validation.schema.table_pair import TablePair
from migration.validation.schema.view_difference import view_findings
from migration.validation.schema.wanted_shapes import WantedShape, may_build, wanted_shape

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sqlalchemy import Connection

    from migration.model import RunOptions, TablePlan
    from migration.schema_translation.source_plan import ProfiledSource
    from migration.target.pg_catalog.table_shapes import TableShape
    from migration.validation.schema.fitted_plans import FittedPlans

_FEWEST: Final = 3
"""Tables of a schema, before one of another owner is odd."""
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
        result.findings += _rights(standing)
        for table in source.schema.tables:
            if table.name in standing and standing[table.name].is_table:
                mark = table.autoincrement_seq
                result.findings += sequence_findings(
                    connection, schema, standing[table.name], table.name, mark
                )
        result.findings += _extra_tables(
            connection, schema, {*expected, *names.values(), *_views(connection, source, schema)}
        )
        if not may_build(connection):
            result.findings.append(_cannot_build(connection))
            return result
        referred_to = {name: shapes[target] for name, target in parents.items() if target in shapes}
        plans = plan_fitted(source, referred_to | standing, options, referred_to.keys())
        zone = options.source_timezone
        for name, shape in standing.items():
            _compare_table(
                connection, schema, plans, name, shape, left_out.get(name, frozenset()), result, zone
            )
        result.findings += [
            _unchecked("", f"{item.kind} {item.name} has no translation to compare with: {item.reason}")
            for item in plans.untranslated
        ]
        found, views = view_findings(connection, schema, source, list(plans.fitted.values()), zone)
        result.findings += found
        if views and result.checked:
            first = next(iter(result.checked))
            result.checked[first] += views
        return result
    finally:
        connection.rollback()


def _compare_table(
    connection: Connection,
    schema: str,
    plans: FittedPlans,
    name: str,
    standing: TableShape,
    left_out: frozenset[str],
    result: SchemaComparison,
    zone: str,
) -> None:
    plan = plans.own[name]
    own = wanted_shape(connection, schema, plan, list(plans.own.values()), zone)
    if isinstance(own, str):
        result.findings.append(
            _unchecked(name, f"Convoy's own table cannot be built here to compare with: {own}")
        )
        return
    fitted = wanted_shape(connection, schema, plans.fitted[name], list(plans.fitted.values()), zone)
    if isinstance(fitted, str):
        result.findings.append(_unchecked(name, f"Expressions were not compared: {fitted}"))
        fitted = _without_expressions(own)
    skipped = [i for i in plan.objects if i.kind in _SHAPED and i.state is ObjectState.SKIPPED]
    result.findings += [
        _unchecked(name, f"{i.kind} {i.name} has no translation to compare with: {i.reason}") for i in skipped
    ]
    refused = [i for i in plan.objects if i.name in fitted.refused and i.kind in _SHAPED]
    silent = [i for i in refused if i.kind in {"check", "index"}]
    result.findings += [
        _unchecked(name, f"{i.kind} {i.name} does not go with the types that stand: {fitted.refused[i.name]}")
        for i in silent
    ]
    unknown = {i.kind for i in (*skipped, *silent)}
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
        same_value=partial(_same_value, connection, schema),
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
        if not may_build(connection):
            result.findings.append(_cannot_build(connection))
            return result
        for plan in everything:
            items = tuple(item for item in plan.objects if item.name not in not_built)
            built = replace(plan, objects=items)
            wanted = wanted_shape(connection, schema, built, everything, zone)
            if isinstance(wanted, str) or plan.target_name not in shapes:
                why = wanted if isinstance(wanted, str) else "the table is gone"
                result.findings.append(_unchecked(plan.name, f"The schema was not compared: {why}"))
                continue
            pair = TablePair(
                name=plan.name,
                names={column.target_name: column.name for column in plan.columns},
                own=wanted.shape,
                fitted=wanted.shape,
                standing=shapes[plan.target_name],
                unknown_kinds=frozenset(
                    i.kind for i in plan.objects if i.name in not_built or i.state is ObjectState.SKIPPED
                ),
                same_value=partial(_same_value, connection, schema),
            )
            result.findings += table_findings(pair)
            shape = wanted.shape
            result.checked[plan.name] = len(shape.columns) + len(shape.constraints) + len(shape.indexes)
        return result
    finally:
        connection.rollback()


def _same_value(connection: Connection, schema: str, type_name: str, ours: str, theirs: str) -> bool:
    """Ask the server whether two default expressions give one value now; nothing that they call can write."""
    savepoint = connection.begin_nested()
    try:
        look_in(connection, schema)
        run_sql(connection, "SET LOCAL transaction_read_only = on")
        statement = f"SELECT ({ours})::{type_name} IS NOT DISTINCT FROM ({theirs})::{type_name}"
        return bool(run_sql(connection, statement).scalar_one())
    except DBAPIError:
        return False
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _rights(standing: Mapping[str, TableShape]) -> list[Finding]:
    """Return what is open to more roles, or to fewer rows, than the tables of a source are."""
    findings = []
    owners = Counter(shape.owner for shape in standing.values())
    usual, tables = owners.most_common(1)[0] if owners else ("", 0)
    for name, shape in standing.items():
        if shape.has_row_security:
            hides = "; it hides rows from the role that reads here" if shape.hides_rows else ""
            findings.append(_found(FindingKind.ROW_SECURITY, name, f"Row level security is on{hides}"))
        if shape.public_rights:
            rights = ", ".join(shape.public_rights)
            findings.append(_found(FindingKind.PUBLIC_GRANT, name, f"PUBLIC has {rights}"))
        if len(standing) >= _FEWEST and tables * 2 > len(standing) and shape.owner != usual:
            message = f"It belongs to {shape.owner}, and the other tables to {usual}"
            findings.append(_found(FindingKind.OWNER, name, message))
    return findings


def _views(connection: Connection, source: ProfiledSource, schema: str) -> list[str]:
    there = connection.execute(text(_RELATIONS), {"schema": schema}).scalars().all()
    return list(match_names([item.name for item in source.schema.objects], there).values())


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


def _cannot_build(connection: Connection) -> Finding:
    row = connection.execute(text("SELECT current_database() AS database, current_user AS role")).one()
    return _unchecked(
        "",
        "Types, constraints and views were not compared: the role may not make temporary tables, by which the server"
        f" brings both sides into one spelling. Run: GRANT TEMPORARY ON DATABASE {quoted(row.database)}"
        f" TO {quoted(row.role)}",
    )


def _unchecked(table: str, message: str) -> Finding:
    return _found(FindingKind.NOT_CHECKED, table, message[:1].upper() + message[1:])


def _found(kind: FindingKind, table: str, message: str) -> Finding:
    return Finding(kind, table, message, is_error=False)
