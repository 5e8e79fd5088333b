"""What a replacement does to objects that others own: all of them go over, or the run is refused, by their names.

Asked twice: before any row is copied, on empty tables in a schema that is rolled back, and in the cutover itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.attached_object_kinds import ATTACHED_KINDS
from migration.cutover_errors import ObjectsInTheWayError
from migration.model import Finding, FindingKind, ObjectResult, ObjectState
from migration.name_lists import some, unnamed
from migration.target.attached_objects.attachment_reader import (
    BUILT_BEFOREHAND,
    Attachment,
    names_looked_up_in,
    read_attachments,
)
from migration.target.attached_objects.attachment_transfer import (
    Move,
    NotCarried,
    Transfer,
    make_object,
    transfer,
)
from migration.target.attached_objects.outside_dependents import (
    Outsider,
    carry_outsider,
    leave_outsider,
    read_outsiders,
    rights_to_leave,
    try_outsider,
    with_their_dependents,
)
from migration.target.cutover.cutover_lock_timeout import LOCK_TIMEOUT
from migration.target.loading.index_and_constraint_creation import build_object, building, is_refusal
from migration.target.loading.staging_schema import sequences_make_way
from migration.target.pg_catalog.schema_relations import (
    Relation,
    relations_in,
    relations_named,
    schema_exists,
)
from migration.target.sql_statements import quoted, run_sql, try_all

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan
    from migration.target.missing_rights import MissingRight


@dataclass(slots=True)
class Replacement:
    """What becomes of the objects of the tables and views that a run replaces in one schema.

    `restore` is what a rollback does once the replaced tables are back, `outsiders` what it does before (`give_back`).
    """

    schema: str
    transfers: list[Transfer] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    """Labels of what uses the tables from outside and goes on with the new ones."""
    lost: list[NotCarried] = field(default_factory=list)
    restore: list[str] = field(default_factory=list)
    outsiders: list[dict[str, Any]] = field(default_factory=list)
    lacking: list[MissingRight] = field(default_factory=list)
    """What the role may not take out of the way of those that stay behind."""

    def add(self, moved: Sequence[Transfer]) -> None:
        """Take in what became of the attachments of tables."""
        self.transfers += moved
        self.lost += [lost for one in moved for lost in one.lost]

    def results(self) -> list[ObjectResult]:
        """Return a line for the report about each object."""
        lines = [
            ObjectResult(_words(one.kind), one.name, ObjectState.CHANGED, reason, moved.table)
            for moved in self.transfers
            for reason, attached in (
                ("carried over from the table that was replaced", moved.carried),
                ("the source has one of its own, which takes its place", moved.instead),
            )
            for one in attached
            if one.kind != "column"
        ]
        lines += [
            ObjectResult(
                _words(kind), name, ObjectState.CHANGED, "goes on with the table that replaces its own"
            )
            for kind, name in self._outsiders()
        ]
        return lines + [
            ObjectResult(
                _words(one.attachment.kind),
                one.attachment.name,
                ObjectState.CHANGED,  # of the target; none that the source has and that did not come along
                f"stays with the table that was replaced: {one.reason}",
                one.table,
            )
            for one in self.lost
        ]

    def findings(self) -> list[Finding]:
        """Return a finding for each object that stays behind."""
        return [
            Finding(
                FindingKind.DROPPED_OBJECT,
                one.table or one.attachment.name,
                f"{one} (kept with the replaced table, for a rollback)",
                is_error=False,
            )
            for one in self.lost
        ]

    def check(self, signed: Collection[str]) -> None:
        """Make sure that whoever asked for the run has signed for everything that stays behind.

        Raises:
            ObjectsInTheWayError: names what is not signed for.
        """
        refused = [
            one for one in self.lost if one.attachment.kind not in signed and not one.goes_with_another
        ]
        if not refused:
            return
        kinds = sorted({one.attachment.kind for one in refused} | set(signed))
        raise ObjectsInTheWayError(
            f"Tables to replace are used by other objects, or have some, that cannot go over to the new ones:"
            f" {some([str(one) for one in refused])}",
            schema=self.schema,
            remedy="Make them fit the source, choose --target-schema, or sign for their loss with"
            f" --drop-dependents {','.join(kinds)} (each is then listed as a finding, and comes back with a rollback)",
            details="\n".join([*(str(one) for one in unnamed(refused)), *self._said_of_the_rest()]),
        )

    def _said_of_the_rest(self) -> list[str]:
        carried = {
            moved.table: sorted(f"{_words(one.kind)} {one.name}" for one in moved.carried)
            for moved in self.transfers
        }
        parts = [f"of {table} {', '.join(names)}" for table, names in carried.items() if names]
        outside = [f"{_words(kind)} {name}" for kind, name in self._outsiders()]
        parts += [f"from outside {', '.join(outside)}"] if outside else []
        return [f"All else goes over: {'; '.join(parts)}"] if parts else []

    def _outsiders(self) -> list[tuple[str, str]]:
        return [(kind, name) for kind, name in (label.split(" ", 1) for label in self.outside)]


def foresee(
    connection: Connection,
    schema: str,
    plans: Sequence[TablePlan],
    standing: Sequence[Relation],
    trial_schema: str,
) -> Replacement:
    """Return what will become of the objects of `standing`, by making them for empty tables and undoing it all.

    Args:
        connection: in a transaction; nothing is left in it, and no lock on `standing` but those of a reader.
        schema: the target schema, in which `standing` is.
        plans: the tables of that schema.
        standing: the tables and views that the plans replace.
        trial_schema: a name that is free.

    Raises:
        DBAPIError: the server or the connection is in trouble.
    """
    result = Replacement(schema)
    if not standing:
        return result
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        run_sql(connection, f"CREATE SCHEMA {quoted(trial_schema)}")
        _build_empty(connection, plans, trial_schema)
        _let_owners_in(connection, standing, schema, trial_schema)
        made = {one.name: one for one in relations_in(connection, trial_schema, ("table", "view"))}
        replaced = [relation for relation in standing if relation.name in made]
        attached = read_attachments(connection, [relation.oid for relation in replaced], schema)
        moves = [Move(one.name, attached[one.oid], made[one.name].oid) for one in replaced]
        result.add(transfer(connection, moves, (trial_schema, schema), ATTACHED_KINDS))
        _judge_outsiders(connection, result, standing, trial_schema)
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()
    return result


def foresee_outsiders(
    connection: Connection,
    schema: str,
    standing: Sequence[Relation],
    staging: str,
    lost: Sequence[NotCarried],
) -> Replacement:
    """Return what will become of what uses `standing` from outside, by making it for staged tables and undoing it.

    Args:
        connection: in a transaction; no lock on what others use is left in it.
        schema: the target schema.
        standing: the tables and views that are replaced.
        staging: the schema of those that replace them.
        lost: what is known to stay behind already.
    """
    result = Replacement(schema, lost=list(lost))
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        _judge_outsiders(connection, result, standing, staging)
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()
    return result


def _judge_outsiders(
    connection: Connection, result: Replacement, standing: Sequence[Relation], trial_schema: str
) -> None:
    """Note what becomes of outsiders, and what the role may not take out of the way of those that stay behind."""
    outsiders = read_outsiders(connection, [relation.oid for relation in standing], result.schema)
    reasons = {one.oid: try_outsider(connection, one, trial_schema, result.schema) for one in outsiders}
    left = _add_outsiders(connection, result, outsiders, reasons)
    result.lacking = rights_to_leave(connection, left)


def _add_outsiders(
    connection: Connection,
    result: Replacement,
    outsiders: Sequence[Outsider],
    reasons: dict[int, str | None],
) -> list[Outsider]:
    """Note what becomes of outsiders; return those that are lost, with what uses these."""
    result.outside += [f"{one.kind} {one.name}" for one in outsiders if reasons[one.oid] is None]
    lost = with_their_dependents(
        connection, [one for one in outsiders if reasons[one.oid] is not None], result.schema
    )
    result.lost += [
        one.not_carried(reasons.get(one.oid) or "it reads a view that stays behind") for one in lost
    ]
    return lost


def build_beforehand(
    connection: Connection,
    staging: str,
    schema: str,
    standing: Sequence[Relation],
    staged: Sequence[Relation],
) -> list[NotCarried]:
    """Make for the staged tables what takes time, while nobody waits: indexes, constraints. Return what cannot be."""
    made = {relation.name: relation for relation in staged}
    oids = [relation.oid for relation in standing]
    attached = read_attachments(connection, oids, schema, kinds=BUILT_BEFOREHAND)
    moves = [Move(one.name, attached[one.oid], made[one.name].oid) for one in standing]
    done = transfer(connection, moves, (staging, schema), BUILT_BEFOREHAND)
    return [one for table in done for one in table.lost]


def put_aside(
    connection: Connection, relations: Sequence[Relation], previous: str, result: Replacement
) -> list[tuple[Relation, list[Attachment]]]:
    """Free what only one table can have: publications, names of statistics. Return all attachments as they were.

    Args:
        connection: in the cutover's transaction; the relations are locked and still in their place.
        relations: what is replaced, all in the schema of `result`.
        previous: the schema that they will be kept in, which exists.
        result: notes what a rollback has to do.
    """
    oids = [relation.oid for relation in relations]
    attached = read_attachments(connection, oids, result.schema)
    published = [one for oid in oids for one in attached[oid] if one.kind == "publication"]
    with names_looked_up_in(connection, result.schema):
        for one in published:
            if make_object(connection, (one.undo,)) is None:
                result.restore += one.statements
    statistics = text(
        "SELECT n.nspname AS schema, s.stxname AS name FROM pg_catalog.pg_statistic_ext s"
        " JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace WHERE s.stxrelid = ANY(CAST(:oids AS oid[]))"
    )
    for row in connection.execute(statistics, {"oids": oids}).all():
        move = f"ALTER STATISTICS {quoted(row.schema, row.name)} SET SCHEMA {quoted(previous)}"
        if make_object(connection, (move,)) is None:
            back = f"ALTER STATISTICS {quoted(previous, row.name)} SET SCHEMA {quoted(row.schema)}"
            result.restore.append(back)
    return [(relation, attached[relation.oid]) for relation in relations]


def hand_over(
    connection: Connection,
    replaced: Sequence[tuple[Relation, Sequence[Attachment]]],
    made: dict[str, Relation],
    lost_beforehand: Sequence[NotCarried],
    result: Replacement,
) -> None:
    """Give the tables that stand in the target schema now what the replaced ones had, and note what cannot be."""
    gone: dict[str, set[str]] = {}
    for one in lost_beforehand:
        gone.setdefault(one.table, set()).add(one.attachment.label)
    moves = []
    for relation, attached in replaced:
        lost = gone.get(relation.name, set())
        left = [one for one in attached if one.label not in lost]
        moves.append(Move(relation.name, left, made[relation.name].oid, lost))
    result.add(transfer(connection, moves, (result.schema,), ATTACHED_KINDS))
    result.lost += lost_beforehand


def hand_over_outsiders(
    connection: Connection,
    outsiders: Sequence[Outsider],
    previous: str,
    result: Replacement,
    signed: Collection[str],
) -> None:
    """Let views and foreign keys use the new tables; what cannot goes to, or stays with, the replaced ones.

    Raises:
        ObjectsInTheWayError: an object that stays behind is not among the `signed` kinds; nothing is taken away.
    """
    reasons: dict[int, str | None] = {}
    for one in outsiders:
        reasons[one.oid], record = carry_outsider(connection, one, result.schema)
        if record:
            result.outsiders.append(record)
    lost = _add_outsiders(connection, result, outsiders, reasons)
    result.check(signed)
    result.outsiders += [leave_outsider(connection, one, previous) for one in lost]


def _build_empty(connection: Connection, plans: Sequence[TablePlan], schema: str) -> None:
    """Create the plans' tables and objects; what is refused is left out, and said elsewhere."""
    ordered = sequences_make_way(plans)
    items = sorted((item for plan in plans for item in plan.objects), key=lambda item: item.stage)
    everything = [plan.create_sql.replace("{schema}", quoted(schema)) for plan in ordered]
    if try_all(connection, [*everything, *building((item, schema) for item in items)]):
        return
    for plan in ordered:
        savepoint = connection.begin_nested()
        try:
            run_sql(connection, plan.create_sql.replace("{schema}", quoted(schema)))
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            savepoint.rollback()
        else:
            savepoint.commit()
    made = {one.name for one in relations_named(connection, schema, [plan.target_name for plan in plans])}
    items = [item for plan in plans if plan.target_name in made for item in plan.objects]
    for item in sorted(items, key=lambda item: item.stage):
        build_object(connection, item, schema)


def _let_owners_in(
    connection: Connection, standing: Sequence[Relation], schema: str, trial_schema: str
) -> None:
    """Let who may own a table in the target schema own one in the trial's; a superuser's rights need no grant."""
    if not schema_exists(connection, schema):
        return
    owners = text(
        "SELECT DISTINCT pg_catalog.pg_get_userbyid(c.relowner) AS owner FROM pg_catalog.pg_class c"
        " WHERE c.oid = ANY(CAST(:oids AS oid[])) AND pg_catalog.has_schema_privilege(c.relowner, :schema, 'CREATE')"
    )
    oids = [relation.oid for relation in standing]
    for owner in connection.execute(owners, {"oids": oids, "schema": schema}).scalars().all():
        run_sql(connection, f"GRANT CREATE, USAGE ON SCHEMA {quoted(trial_schema)} TO {quoted(owner)}")


def _words(kind: str) -> str:
    return kind.replace("_", " ")
