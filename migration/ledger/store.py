"""Opening the ledger: create or upgrade schema `convoy`, then hand out an engine on it."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import alembic.config
from sqlalchemy import Connection, Engine, text

from migration.ledger.tables import LEDGER_SCHEMA
from migration.target.connect import make_engine, translate

MIGRATIONS = Path(__file__).with_name("migrations")
_UPGRADE_LOCK = 0x636F6E766F79  # "convoy": one process upgrades, the others wait


def open_ledger(url: str, application_name: str = "convoy") -> Engine:
    """Return an engine on the target database whose schema `convoy` is up to date.

    Raises:
        TargetUnreachableError: no connection.
        TargetPermissionError: the role may not create the schema.
    """
    engine = make_engine(url, application_name)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            _upgrade(connection)
    except Exception as error:
        engine.dispose()
        raise translate(error, "ledger") from error
    return engine


def target_identity(engine: Engine) -> str:
    """Return what tells this database from every other one, whatever names and addresses lead to it."""
    statement = "SELECT system_identifier || '/' || current_database() FROM pg_catalog.pg_control_system()"
    with engine.connect() as connection:
        return str(connection.execute(text(statement)).scalar_one())


def _upgrade(connection: Connection) -> None:
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {LEDGER_SCHEMA}"))
    alembic.command.upgrade(config, "head")
