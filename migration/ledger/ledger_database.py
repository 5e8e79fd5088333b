"""Opening the ledger: create or upgrade schema `convoy`, then hand out an engine on it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, text

from migration.ledger.ledger_rights import check_ledger_rights
from migration.ledger.ledger_tables import LEDGER_SCHEMA
from migration.target.postgres_errors import translate
from migration.target.target_connection import make_engine

MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE_LOCK = 0x636F6E766F79  # "convoy": one process upgrades, the others wait


def open_ledger(url: str, application_name: str = "convoy", *, wait_for_disk: bool = True) -> Engine:
    """Return an engine on the target database whose schema `convoy` is up to date.

    Without `wait_for_disk`, commits wait for the disk only where they are told to (`wait_for_disk`).

    Raises:
        TargetUnreachableError: no connection.
        TargetPermissionError: the role may not create the schema, or not use the one that stands.
    """
    engine = make_engine(url, application_name, wait_for_disk=wait_for_disk)
    try:
        with engine.begin() as connection:
            check_ledger_rights(connection)
            if not _is_up_to_date(connection):
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
                _upgrade(connection)
    except Exception as error:
        engine.dispose()
        raise translate(error, schema=LEDGER_SCHEMA) from error
    return engine


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


def _is_up_to_date(connection: Connection) -> bool:
    """Whether there is nothing to upgrade: nearly always; asked in a tenth of the time that Alembic takes to load."""
    found = connection.execute(
        text("SELECT to_regclass(:versions) IS NOT NULL"), {"versions": f"{LEDGER_SCHEMA}.alembic_version"}
    ).scalar_one()
    if not found:
        return False
    versions = connection.execute(text(f"SELECT version_num FROM {LEDGER_SCHEMA}.alembic_version"))
    return list(versions.scalars()) == [newest_revision()]


def _upgrade(connection: Connection) -> None:
    import alembic.command
    import alembic.config

    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {LEDGER_SCHEMA}"))
    alembic.command.upgrade(config, "head")
