"""What the target must be: reachable, in UTF-8, with sessions of one's own, rights, and a ledger that fits."""

from __future__ import annotations

import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.errors import TargetEncodingError, TargetPoolerError
from producer.cli.doctor.check_result import CheckResult, Clock, Health, compare_clocks, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from migration.convoy_error import ConvoyError
    from migration.settings import Settings
    from migration.target.missing_rights import MissingRight

_SERVER: Final = """
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS number,
       current_database() AS database, current_user AS role, pg_catalog.pg_is_in_recovery() AS standby,
       current_setting('transaction_read_only')::boolean AS read_only,
       current_setting('max_connections')::int AS most, current_setting('max_locks_per_transaction')::int AS locks,
       pg_catalog.pg_database_size(current_database()) AS bytes
"""
_OLDEST: Final = 130_000
_SESSION: Final = "encoding and pooler"
_BY_ERROR: Final[Mapping[type[ConvoyError], str]] = {
    TargetPoolerError: _SESSION,
    TargetEncodingError: _SESSION,
}
"""What was looked at where a connection is refused by Convoy itself: the server answers, and may be all right."""


def check_target_database(
    url: str, schema: str, clocks: list[Clock], *, workers: int, is_asked_for: bool = True
) -> list[CheckResult]:
    """Look at the target; nothing is written, the ledger is not made.

    Args:
        url: with its password.
        schema: that tables are to go into.
        clocks: the server's is added.
        workers: of a run whose connections are counted; 0: they are not.
        is_asked_for: whether somebody has named the schema; else runs may go into others.
    """
    from migration.ledger.ledger_rights import check_ledger_rights
    from migration.target.missing_rights import schema_rights
    from migration.target.target_connection import make_engine

    results: list[CheckResult] = []
    engine = make_engine(url, "convoy doctor")
    try:
        # The way that every connection takes finds out encoding, poolers and settings of the role by itself.
        with told("PostgreSQL", results, _BY_ERROR), engine.connect() as connection:
            results += _server(connection)
            results.append(CheckResult(_SESSION, Health.OK, "UTF-8, a session of its own"))
            if workers:
                with told("connections", results):
                    results.append(_connections(connection, workers))
            with told("rights", results):
                check_ledger_rights(connection)
                lacking = schema_rights(connection, schema, ["CREATE", "USAGE"])
                if lacking:
                    results.append(_lacking_on_schema(connection, lacking[0], is_asked_for=is_asked_for))
                else:
                    results.append(
                        CheckResult("rights", Health.OK, f"enough for the ledger and schema {schema}")
                    )
            with told("ledger", results):
                results.append(_ledger(connection))
            with told("commits", results):
                results += _commits(connection)

            def seconds() -> float:
                return float(
                    connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
                )

            compare_clocks(seconds, clocks, "PostgreSQL", time.time)
    finally:
        engine.dispose()
    return results


def _lacking_on_schema(connection: Connection, lacking: MissingRight, *, is_asked_for: bool) -> CheckResult:
    """Return what keeps a run from a schema; a warning where the role can make schemas that nobody has looked at."""
    from migration.target.missing_rights import session_role

    may_create = connection.execute(
        text("SELECT pg_catalog.has_database_privilege(current_database(), 'CREATE')")
    ).scalar_one()
    return CheckResult(
        "rights",
        Health.WARNING if may_create and not is_asked_for else Health.FAILED,
        f"The role {session_role(connection)} may not {lacking.words}",
        "Name the schema that runs go into, as in `migration-cli doctor --target-schema NAME`; for runs into this one"
        f" run: {lacking.grant}",
        lacking.grant,
    )


def check_target_names(settings: Settings) -> list[CheckResult]:
    """Look at the file of targets, where one is named; each of them is looked at by `--target NAME`."""
    from migration.named_targets import NamedTargets

    targets = NamedTargets(settings)
    if not targets.are_there:
        return []
    results: list[CheckResult] = []
    with told("targets by name", results):
        names = ", ".join(targets.names()) or "none yet"
        results.append(
            CheckResult("targets by name", Health.OK, f"{names}; doctor --target NAME looks at one of them")
        )
    return results


def _server(connection: Connection) -> list[CheckResult]:
    from migration.report.text_formatting import size

    found = connection.execute(text(_SERVER)).one()
    results = [
        CheckResult(
            "PostgreSQL",
            Health.OK,
            f"{found.version}, database {found.database} ({size(found.bytes)}), role {found.role}",
        )
    ]
    if found.number < _OLDEST:
        results.append(
            CheckResult("version", Health.FAILED, f"PostgreSQL {found.version} is too old", "Use 13 or newer")
        )
    if found.standby or found.read_only:
        results.append(
            CheckResult(
                "writes",
                Health.FAILED,
                "The server is read-only, a standby perhaps",
                "Name the primary: ?host=a,b&target_session_attrs=read-write finds it by itself",
            )
        )
    return results


def _connections(connection: Connection, workers: int) -> CheckResult:
    """Return whether the role gets as many connections as a run of one command needs, beside those in use now."""
    from migration.target.connection_limits import connection_limits, needed_connections

    needed = needed_connections(workers)
    limits = connection_limits(lambda statement: connection.execute(text(statement)).all(), needed)
    needs = f"A run with {workers} workers needs up to {needed} connections"
    own = 1  # this session, which a run does not have
    if not limits:
        return CheckResult("connections", Health.OK, f"{needs}; nothing limits them")
    least = limits[0]
    allows = f"{least.whose} allows {least.most}, of which {max(least.used - own, 0)} are in use"
    if least.room + own >= needed:
        return CheckResult("connections", Health.OK, f"{needs}, and {allows}")
    return CheckResult(
        "connections",
        Health.WARNING,
        f"{needs}, but {allows}",
        "Raise the limit, or use fewer workers (--workers)",
        least.lift,
    )


def _commits(connection: Connection) -> list[CheckResult]:
    """Return what keeps a COMMIT from returning: nothing else tells of it, and whoever commits waits for ever."""
    from migration.target.session_waits import WITHOUT_STANDBY, missing_standby

    found, is_certain = missing_standby(lambda statement: connection.execute(text(statement)).all())
    if not found:
        return []
    return [
        CheckResult(
            "commits",
            Health.FAILED if is_certain else Health.WARNING,
            f"{found}: every COMMIT waits for one"
            if is_certain
            else f"{found}: without one, every COMMIT waits",
            "Start the standby, or let a superuser change the setting"
            + ("" if is_certain else "; GRANT pg_read_all_stats lets the role see it"),
            WITHOUT_STANDBY,
        )
    ]


def _ledger(connection: Connection) -> CheckResult:
    from migration.ledger.ledger_database import (
        check_ledger_is_not_newer,
        newest_revision,
        standing_revisions,
    )
    from migration.ledger.ledger_releases import shown_revision

    standing = standing_revisions(connection)
    if standing is None:
        return CheckResult("ledger", Health.OK, "none yet; the first run makes it")
    check_ledger_is_not_newer(standing)
    if standing == [newest_revision()]:
        return CheckResult("ledger", Health.OK, f"version {standing[0]}")
    return CheckResult(
        "ledger",
        Health.WARNING,
        f"version {', '.join(shown_revision(revision) for revision in standing)}, older than this Convoy"
        f" {version('convoy-migrate')}, which brings it to {newest_revision()} when it opens it next: no way leads back"
        " but a backup",
        "Stop all workers and producers of the older version and keep a backup first, then type"
        " `migration-cli status` (docs/upgrading.md)",
        "pg_dump -Fc -n 'convoy*' -f convoy.dump \"$MIGRATION_TARGET_URL\"",
    )
