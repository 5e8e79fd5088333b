"""Tables in which applications keep book about their own schema: of no use, and harmful, in a load of rows alone.

The application that made the tables in PostgreSQL has written its own versions there. Other rows in their place would
let it believe that migrations have run which have not.
"""

from __future__ import annotations

from typing import Final

BOOKKEEPING: Final = {
    "alembic_version": "Alembic",
    "migrate_version": "SQLAlchemy-Migrate",
    "django_migrations": "Django",
    "south_migrationhistory": "South (Django)",
    "schema_migrations": "Rails, golang-migrate and others",
    "ar_internal_metadata": "Rails",
    "schema_migration": "Buffalo's soda",
    "schema_info": "Sequel",
    "schema_version": "Flyway",
    "flyway_schema_history": "Flyway",
    "databasechangelog": "Liquibase",
    "databasechangeloglock": "Liquibase",
    "knex_migrations": "Knex",
    "knex_migrations_lock": "Knex",
    "sequelizemeta": "Sequelize",
    "sequelizedata": "Sequelize",
    "typeorm_metadata": "TypeORM",
    "mikro_orm_migrations": "MikroORM",
    "_prisma_migrations": "Prisma",
    "__drizzle_migrations": "Drizzle",
    "__efmigrationshistory": "Entity Framework",
    "versioninfo": "FluentMigrator",
    "__migrationhistory": "Entity Framework 6",
    "phinxlog": "Phinx",
    "doctrine_migration_versions": "Doctrine",
    "goose_db_version": "goose",
    "gorp_migrations": "sql-migrate",
    "xorm_migrations": "xormigrate",
    "bun_migrations": "bun",
    "bun_migration_locks": "bun",
    "atlas_schema_revisions": "Atlas",
    "_sqlx_migrations": "sqlx",
    "__diesel_schema_migrations": "Diesel",
    "seaql_migrations": "SeaORM",
    "refinery_schema_history": "refinery",
    "_yoyo_migration": "yoyo",
    "_yoyo_log": "yoyo",
    "_yoyo_version": "yoyo",
    "yoyo_lock": "yoyo",
    "aerich": "Aerich (Tortoise)",
    "migratehistory": "peewee-migrate",
    "piccolo_migrations": "Piccolo",
    "_sqlite_migrations": "sqlite-migrate",
}
"""Name in lower case → who keeps it."""


def bookkeeper(table: str) -> str | None:
    """Return which tool keeps book in a table of this name; None for a table of the application's own.

    >>> bookkeeper("VersionInfo")
    'FluentMigrator'
    """
    return BOOKKEEPING.get(table.lower())
