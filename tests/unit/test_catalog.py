"""The educational catalog holds the platform's tables, and SQLite accepts what it says."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from migration.applications.profile_reader import find_profile
from migration.catalog import APPS, CATALOG, CatalogTable, catalog_names, create_sql, find, index_sql
from tests.conftest import SHARED_DATABASES

TABLES_BY_APP = {
    "core": ["users", "user_profiles"],
    "gamification": ["user_xp", "xp_log", "user_streak", "achievement", "user_achievement"],
    "analytics": ["app_progress", "subject_mastery", "learning_goal", "user_note", "activity_log_entry"],
    "math": [
        "math_problem",
        "session_result",
        "question_history",
        "mistake",
        "mastery",
        "learning_profile",
        "performance_pattern",
        "repetition_schedule",
    ],
    "reading": [
        "word",
        "reading_result",
        "word_performance",
        "quiz",
        "question",
        "quiz_attempt",
        "reading_learning_profile",
        "reading_streak",
    ],
    "comprehension": [
        "question_type",
        "subject",
        "difficulty_level",
        "question",
        "user_progress",
        "user_stats",
    ],
}


def names(table: CatalogTable) -> set[str]:
    return {column.name for column in table.columns}


def test_catalog_holds_34_entries_and_33_names() -> None:
    assert len(CATALOG) == 34
    assert len({table.name for table in CATALOG}) == 33


def test_each_app_holds_its_tables() -> None:
    assert list(APPS) == list(TABLES_BY_APP)
    for app, tables in TABLES_BY_APP.items():
        assert [table.name for table in CATALOG if table.app == app] == tables


@pytest.mark.parametrize(
    ("name", "apps"),
    [
        ("users", ["core"]),
        ("USERS", ["core"]),
        ("question", ["reading", "comprehension"]),
        ("sqlite_sequence", []),
    ],
)
def test_find_returns_every_app_that_has_the_name(name: str, apps: list[str]) -> None:
    assert [table.app for table in find(name)] == apps


@pytest.mark.parametrize("table", CATALOG, ids=lambda table: f"{table.app}.{table.name}")
def test_table_is_complete(table: CatalogTable) -> None:
    assert table.description.endswith(".")
    assert len(names(table)) == len(table.columns)
    assert set(table.primary_key) <= names(table)
    assert all(set(columns) <= names(table) for columns in table.unique)
    for column in table.columns:
        if (parent := column.references) is not None:
            targets = [other for other in find(parent.table) if other.app == parent.app]
            assert [(parent.column,) in {other.primary_key, *other.unique} for other in targets] == [True]


def test_every_app_is_tied_to_the_users() -> None:
    pointing = {
        table.app
        for table in CATALOG
        for column in table.columns
        if column.references is not None and column.references.table == "users"
    }
    assert pointing == set(APPS)


def test_tables_are_those_of_the_models() -> None:
    types = {column.sqlite_type for table in CATALOG for column in table.columns}
    assert types == {"INTEGER", "TEXT", "DOUBLE", "TIMESTAMP", "BOOLEAN", "JSON"}
    assert {table.primary_key for table in CATALOG} == {("id",)}
    (stats,) = find("user_stats")
    assert stats.unique == (("user_id", "subject"),)
    assert index_sql(stats, lambda _app, name: f"my_{name}") == [
        "CREATE INDEX idx_my_user_stats_user_id ON my_user_stats (user_id)",
        "CREATE INDEX idx_my_user_stats_subject ON my_user_stats (subject)",
    ]


@pytest.mark.parametrize("app", APPS)
def test_sqlite_creates_what_the_catalog_declares(app: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        for table in (table for table in CATALOG if table.app == app):
            connection.execute(create_sql(table))
            rows = connection.execute(f"PRAGMA table_info({table.name})").fetchall()
            assert [(row[1], row[2], bool(row[3])) for row in rows] == [
                (column.name, column.sqlite_type, column.not_null) for column in table.columns
            ]
            keyed = sorted((row for row in rows if row[5]), key=lambda row: row[5])
            assert tuple(row[1] for row in keyed) == table.primary_key


MODELS = SHARED_DATABASES.parent / "cases" / "seed-columns.tsv"
MODEL_OF = {
    "users": ("common", "user"),
    "user_profiles": ("analytics", "user_profile"),
    "reading_learning_profile": ("reading", "learning_profile"),
}


@pytest.mark.skipif(not MODELS.is_file(), reason="the list of the models' columns is not here")
@pytest.mark.parametrize("table", CATALOG, ids=lambda table: f"{table.app}.{table.name}")
def test_columns_are_those_of_the_model(table: CatalogTable) -> None:
    lines = [line.split("\t") for line in MODELS.read_text().splitlines() if not line.startswith("#")]
    app = "analytics" if table.app == "gamification" else table.app
    model = MODEL_OF.get(table.name, (app, table.name))
    wanted = [(column, kind.upper()) for *place, column, kind, _ in lines if tuple(place) == model]
    assert [(column.name, column.sqlite_type) for column in table.columns] == wanted


def test_a_file_of_several_apps_names_its_tables_itself() -> None:
    question = find("question")[1]
    sql = create_sql(question, lambda app, name: f"{app}_{name}")
    assert sql.startswith("CREATE TABLE comprehension_question (")
    assert "REFERENCES comprehension_question_type (type_code)" in sql


def test_tables_are_found_by_the_names_that_gorm_gives_them() -> None:
    assert [table.plural for table in find("quiz")] == ["quizzes"]
    assert find("Masteries") == find("mastery")
    assert {table.app for table in find("questions")} == {"reading", "comprehension"}
    assert find("user_stats")[0].plural == "user_stats"
    assert catalog_names() >= {"user_xp", "user_xps", "question_histories"}


def test_profile_of_the_platform_says_the_same() -> None:
    mapping = find_profile("educational").mapping
    assert mapping is not None
    renamed = {table.table: table.rename for table in mapping.tables}
    ours = {table.name: table.plural for table in CATALOG}
    assert {name: ours[name] for name in renamed.keys() & ours.keys()} == {
        name: renamed[name] for name in renamed.keys() & ours.keys()
    }
    kept = {name for name, plural in ours.items() if name == plural}
    assert ours.keys() - renamed.keys() <= kept | {"reading_learning_profile"}
