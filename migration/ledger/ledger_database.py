"""Opening the ledger: create or upgrade schema `convoy`, then hand out an engine on it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from migration.convoy_error import NextStep
from migration.ledger.ledger_releases import shown_revision
from migration.ledger.ledger_rights import check_ledger_rights
from migration.ledger.new_ledger import create_new_ledger
from migration.target.own_schemas import LEDGER_SCHEMA, unknown_ledger
from migration.target.postgres_errors import translate
from migration.target.session_bounds import SessionBounds
from migration.target.target_connection import PoolSize, make_engine
from migration.version_errors import LedgerTooNewError

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE_LOCK = 0x636F6E766F79  # "convoy": one process upgrades, the others wait

# Read from the table, not by to_regclass(): that may answer from what the session knew before it waited for the lock.
_STANDS = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = :schema AND c.relname = 'alembic_version')
"""


def open_ledger(
    url: str,
    application_name: str = "convoy",
    *,
    wait_for_disk: bool = True,
    bounds: SessionBounds | None = None,
    pool: PoolSize | None = None,
    may_make: bool = True,
) -> Engine:
    """Return an engine on the target database whose schema `convoy` is up to date.

    Without `wait_for_disk`, commits wait for the disk only where they are told to (`wait_for_disk`).
    Without `bounds`, an upgrade takes as long as it takes, and so does whatever is done with the engine. `pool`: how
    many connections it has. `may_make` false: for who asks for something that only a ledger knows that stands.

    Raises:
        LedgerMissingError: there is none, and none may be made.
        TargetUnreachableError: no connection.
        LedgerTooNewError: a newer Convoy has made or upgraded the ledger.
        TargetPermissionError: the role may not create the schema, or not use the one that stands.
    """
    engine = make_engine(
        url, application_name, wait_for_disk=wait_for_disk, bounds=bounds, pool=pool or PoolSize()
    )
    try:
        with engine.begin() as connection:
            check_ledger_rights(connection)
            standing = standing_revisions(connection)
            if standing is None and not may_make:
                raise unknown_ledger()
            check_ledger_is_not_newer(standing or [])
            if standing != [newest_revision()]:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
                standing = standing_revisions(connection)  # asked again: somebody else may have been faster
                if standing is None:
                    create_new_ledger(connection, newest_revision())
                else:
                    check_ledger_is_not_newer(standing)
                    upgrade_ledger(connection)
    except Exception as error:
        engine.dispose()
        raise translate(error, schema=LEDGER_SCHEMA) from error
    if standing and standing != [newest_revision()]:
        _tell_of_upgrade(standing)
    return engine


def _tell_of_upgrade(before: Sequence[str]) -> None:
    logger.warning(
        "The ledger of this database was of version %s and is of %s now, upgraded by this Convoy %s: no process and no"
        " command of an older one may work on it any more (docs/upgrading.md)",
        ", ".join(shown_revision(revision) for revision in before),
        newest_revision(),
        version("convoy-migrate"),
    )


def wait_for_disk(connection: Connection) -> None:
    """Let the commit of the caller's transaction wait for the disk, as the server is configured to.

    PostgreSQL's log is in order, so all earlier commits are safe with this one. Needed for what ends a run, and for
    what processes remember by its id: a crash of the server must not give the id to something else.
    """
    connection.execute(text("SET LOCAL synchronous_commit TO DEFAULT"))


def target_identity(engine: Engine) -> str:
    """Return what tells this database from every other one, whatever names and addresses lead to it."""
    statement = "SELECT system_identifier || '/' || current_database() FROM pg_catalog.pg_control_system()"
    with engine.connect() as connection:
        return str(connection.execute(text(statement)).scalar_one())


def newest_revision() -> str:
    """Return the revision that this code needs: files of migrations begin with it, and it counts up."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def standing_revisions(connection: Connection) -> list[str] | None:
    """Return the version of the ledger that stands, nearly always the newest; None: there is none."""
    if connection.execute(text(_STANDS), {"schema": LEDGER_SCHEMA}).scalar_one() is False:
        return None
    versions = connection.execute(text(f"SELECT version_num FROM {LEDGER_SCHEMA}.alembic_version"))
    return list(versions.scalars())


def check_ledger_is_not_newer(standing: Sequence[str]) -> None:
    """Refuse a ledger that a newer Convoy has made or upgraded: what it means by a column may be another thing.

    Raises:
        LedgerTooNewError: it is newer than this code.
    """
    newest, own = newest_revision(), version("convoy-migrate")
    newer = [revision for revision in standing if revision > newest]
    if newer:
        raise LedgerTooNewError(
            f"The ledger of this database is of version {max(newer)}, and this Convoy {own} is the older of the two: it"
            f" knows the ledger up to {newest}",
            schema=LEDGER_SCHEMA,
            remedy="Install the newer Convoy here, too: all that work on one target have the same version"
            " (docs/upgrading.md)",
            next_steps=(NextStep("Install the newest Convoy", "pip install --upgrade convoy-migrate"),),
        )


def upgrade_ledger(connection: Connection) -> None:
    """Bring schema `convoy` to the newest version by Alembic, in the transaction of the caller."""
    import alembic.command
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {LEDGER_SCHEMA}"))
    alembic.command.upgrade(config, "head")
