"""Tables of bookkeeping are known by name and shape, and say which migrations were applied."""

from __future__ import annotations

import pytest

from migration.schema_translation.bookkeeping_tables import BOOKKEEPING, Comparison, bookkeeper

SHAPES = [
    ("migrations", "id migration batch", "Laravel"),
    ("migrations", "id timestamp name", "TypeORM"),
    ("migrations", "id name version currentVersion", "Ghost's knex-migrator"),
    ("migrations", "id applied version_before version_after application_version", "Authelia"),
    ("migrations", "id name batch migration_time", "Knex"),
    ("migrations_lock", "index is_locked", "Knex"),
    ("migrations", "id", "gormigrate"),
    ("migrations", "id name", None),
    ("database_versions", "id version updated_at", "Headscale"),
    ("database_versions", "id version bird", None),
    ("directus_migrations", "version name timestamp", "Directus"),
    ("plugin_schema_versions", "plugin version", "Kanboard"),
    ("migrations", "id timestamp name bird", None),
    ("Migrations", "ID Migration Batch", "Laravel"),
    ("schema_migrations", "version", "Rails or dbmate"),
    ("schema_migrations", "version dirty", "golang-migrate"),
    ("schema_migrations", "version inserted_at", "Ecto"),
    ("schema_migrations", "version country", None),
    ("version", "id version", "Gitea"),
    ("version", "id version document_id", None),
    ("schema_version", "version major minor", None),
    ("VersionInfo", "Version AppliedOn Description", "FluentMigrator"),
    ("__EFMigrationsHistory", "MigrationId ProductVersion", "Entity Framework Core"),
    ("django_migrations", "id app name applied", "Django"),
    ("django_migrations", "id name", None),
    ("knex_migrations", "id name batch migration_time note", "Knex"),
    ("migration_log", "id migration_id sql success error timestamp", "Grafana"),
    ("migration_log", "id bird place", None),
    ("_litestream_seq", "id seq", "Litestream"),
    ("android_metadata", "locale", "Android"),
    ("schema_changes", "change_id schema_version changed", "Home Assistant"),
]


@pytest.mark.parametrize(("name", "columns", "keeper"), SHAPES)
def test_table_is_known_by_name_and_shape(name: str, columns: str, keeper: str | None) -> None:
    found = bookkeeper(name, columns.split())
    assert (found.keeper if found else None) == keeper


def test_entries_of_the_file_are_whole() -> None:
    for entry in BOOKKEEPING:
        assert entry.name == entry.name.lower()
        assert entry.source.startswith("https://")
        assert {column.lower() for column in entry.columns} == entry.columns
        assert {*entry.version, *filter(None, [entry.counts_if])} <= entry.columns
        assert bool(entry.version) == (entry.compare is not Comparison.NONE)


def test_no_shape_belongs_to_two_tools() -> None:
    for entry in BOOKKEEPING:
        assert bookkeeper(entry.name, entry.columns) is entry


def test_versions_are_told_once_in_order_without_what_failed() -> None:
    sqlx = bookkeeper("_sqlx_migrations", ["version", "description", "installed_on", "success", "checksum"])
    assert sqlx is not None
    rows = [
        {"version": 20, "success": 1},
        {"version": "3", "success": "true"},
        {"version": 4, "success": False},
        {"version": 3, "success": True},
        {"version": None, "success": True},
    ]
    assert sqlx.versions(rows) == ("3", "20")


def test_highest_number_alone_counts_where_numbers_rise() -> None:
    goose = bookkeeper("goose_db_version", ["id", "version_id", "is_applied", "tstamp"])
    assert goose is not None
    assert goose.versions({"version_id": n, "is_applied": True} for n in (0, 9, 10, 2)) == ("10",)
    assert goose.versions([]) == ()
