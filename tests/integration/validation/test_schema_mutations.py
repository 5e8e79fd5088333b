"""A target that Convoy has made, changed in one place: found as its own kind, and nothing else is."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from migration.finding_kinds import FindingWeight, weigh
from migration.model import FindingKind, Phase
from migration.run_options import RunOptions
from migration.validation.database_comparison import ValidationResult, validate_database
from tests.integration.validation.refusal_changes import REFUSAL_CHANGES
from tests.support.direct import Direct

K = FindingKind

SOURCE = '''
CREATE TABLE author (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'nobody', born DATE,
    seen DATETIME DEFAULT CURRENT_TIMESTAMP,
    email TEXT COLLATE NOCASE UNIQUE, pages INTEGER CHECK (pages > 0), ratio REAL DEFAULT 0.5, code VARCHAR(10),
    twice INTEGER GENERATED ALWAYS AS (pages * 2) STORED);
CREATE TABLE book (
    isbn TEXT PRIMARY KEY, author INTEGER REFERENCES author ON DELETE CASCADE, title TEXT, shelf INTEGER,
    UNIQUE (title, shelf));
CREATE TABLE "Odd Name" ("Key" INTEGER PRIMARY KEY, "say ""hi""" TEXT);
CREATE INDEX book_shelf ON book (shelf);
CREATE INDEX book_high ON book (shelf) WHERE shelf > 10;
CREATE UNIQUE INDEX odd_say ON "Odd Name" ("say ""hi""");
CREATE INDEX author_sum ON author (pages + id);
CREATE VIEW shelves AS SELECT shelf, count(*) AS books FROM book GROUP BY shelf;
INSERT INTO author (id, name, born, seen, email, pages, ratio, code) VALUES
    (1, 'Ann', '1970-01-01', '2024-01-01 00:00:00', 'a@x', 3, 1.5, 'x'), (2, 'Bob', NULL, NULL, 'b@x', 1, 0.1, NULL),
    (9, 'gone', NULL, NULL, NULL, NULL, NULL, NULL);
DELETE FROM author WHERE id = 9;
INSERT INTO book VALUES ('i1', 1, 'One', 1), ('i2', 2, 'Two', 11), ('i3', 2, 'Three', NULL);
INSERT INTO "Odd Name" VALUES (1, 'a'), (2, 'b');
'''

ANOTHER_KEY = "ALTER TABLE book DROP CONSTRAINT book_author_fkey, ADD FOREIGN KEY (author)"
REVOKE_TEMPORARY = """
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$
"""
CHANGES: dict[str, tuple[str, set[FindingKind]]] = {
    "nothing": ("SELECT 1", set()),
    "not null dropped": ("ALTER TABLE author ALTER name DROP NOT NULL", {K.NOT_NULL}),
    "not null added": ("ALTER TABLE author ALTER ratio SET NOT NULL", {K.NOT_NULL}),
    "check dropped": ("ALTER TABLE author DROP CONSTRAINT author_check1", {K.CHECK}),
    "check changed": (
        "ALTER TABLE author DROP CONSTRAINT author_check1, ADD CHECK (pages >= 0)",
        {K.CHECK},
    ),
    "check not valid": (
        "ALTER TABLE author DROP CONSTRAINT author_check1, ADD CHECK (pages > 0) NOT VALID",
        {K.CHECK},
    ),
    "check added": ("ALTER TABLE author ADD CHECK (ratio < 9)", {K.EXTRA_CONSTRAINT}),
    "default dropped": ("ALTER TABLE author ALTER name DROP DEFAULT", {K.DEFAULT}),
    "default changed": ("ALTER TABLE author ALTER ratio SET DEFAULT 0.6", {K.DEFAULT}),
    "default added": ("ALTER TABLE author ALTER born SET DEFAULT '2000-01-01'", {K.DEFAULT}),
    "default in other words": (
        "ALTER TABLE author ALTER seen SET DEFAULT now(), ALTER ratio SET DEFAULT '0.50'",
        set(),
    ),
    "identity dropped": ("ALTER TABLE author ALTER id DROP IDENTITY", {K.IDENTITY}),
    "identity always": ("ALTER TABLE author ALTER id SET GENERATED ALWAYS", {K.IDENTITY}),
    "generated dropped": ("ALTER TABLE author ALTER twice DROP EXPRESSION", {K.GENERATED}),
    "generated changed": (
        "ALTER TABLE author DROP twice, ADD twice integer GENERATED ALWAYS AS (pages + pages) STORED",
        {K.GENERATED},
    ),
    "primary key became unique": (
        "ALTER TABLE book DROP CONSTRAINT book_pkey, ADD UNIQUE (isbn)",
        {K.PRIMARY_KEY},
    ),
    "primary key dropped": ("ALTER TABLE book DROP CONSTRAINT book_pkey", {K.PRIMARY_KEY}),
    "foreign key dropped": ("ALTER TABLE book DROP CONSTRAINT book_author_fkey", {K.FOREIGN_KEY}),
    "foreign key not valid": (
        f"{ANOTHER_KEY} REFERENCES author ON DELETE CASCADE NOT VALID",
        {K.FOREIGN_KEY_NOT_VALID},
    ),
    "foreign key of another action": (
        f"{ANOTHER_KEY} REFERENCES author ON DELETE SET NULL",
        {K.FOREIGN_KEY_ACTION},
    ),
    "foreign key to a namesake elsewhere": (
        (
            "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.author (id bigint PRIMARY KEY);"
            f" {ANOTHER_KEY} REFERENCES elsewhere.author ON DELETE CASCADE NOT VALID"
        ),
        {K.FOREIGN_KEY},
    ),
    "foreign key added": (
        'ALTER TABLE book ADD FOREIGN KEY (shelf) REFERENCES "Odd Name" NOT VALID',
        {K.EXTRA_CONSTRAINT},
    ),
    "unique dropped": ("ALTER TABLE book DROP CONSTRAINT book_title_shelf_key", {K.UNIQUE}),
    "unique index dropped": ("DROP INDEX odd_say", {K.UNIQUE}),
    "unique index no longer unique": (
        'DROP INDEX odd_say; CREATE INDEX odd_say ON "Odd Name" ("say ""hi""")',
        {K.UNIQUE, K.EXTRA_INDEX},
    ),
    "unique added": ("CREATE UNIQUE INDEX ON author (name)", {K.EXTRA_CONSTRAINT}),
    "index dropped": ("DROP INDEX book_shelf", {K.INDEX}),
    "index added": ("CREATE INDEX ON author (name)", {K.EXTRA_INDEX}),
    "index renamed": ("ALTER INDEX book_shelf RENAME TO another", set()),
    "index descending": ("DROP INDEX book_shelf; CREATE INDEX book_shelf ON book (shelf DESC)", set()),
    "index invalid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'book_shelf'::regclass",
        {K.INDEX_INVALID},
    ),
    "index partial": (
        "DROP INDEX book_shelf; CREATE INDEX book_shelf ON book (shelf) WHERE shelf > 5",
        {K.INDEX_PARTIAL},
    ),
    "index of another part": (
        "DROP INDEX book_high; CREATE INDEX book_high ON book (shelf) WHERE shelf > 11",
        {K.INDEX_PARTIAL},
    ),
    "index over another expression": (
        "DROP INDEX author_sum; CREATE INDEX author_sum ON author ((pages - id))",
        {K.INDEX_EXPRESSION},
    ),
    "index of another collation": (
        'DROP INDEX odd_say; CREATE UNIQUE INDEX odd_say ON "Odd Name" ("say ""hi""" COLLATE "C")',
        {K.INDEX_COLLATION},
    ),
    "type wider": ("DROP VIEW shelves; ALTER TABLE book ALTER shelf TYPE bigint", {K.TYPE_WIDER, K.VIEW}),
    "type wider, varchar to text": ("ALTER TABLE author ALTER code TYPE text", {K.TYPE_WIDER}),
    "type narrower": ("ALTER TABLE author ALTER code TYPE varchar(5)", {K.TYPE_NARROWER}),
    "type narrower, real": ("ALTER TABLE author ALTER ratio TYPE real", {K.TYPE_NARROWER}),
    "type without zone": ("ALTER TABLE author ALTER seen TYPE timestamp", {K.TYPE_OTHER}),
    "type other": ("ALTER TABLE book ALTER title TYPE char(9)", {K.TYPE_OTHER}),
    "domain": (
        "CREATE DOMAIN word AS text CHECK (VALUE <> ''); ALTER TABLE author ALTER name TYPE word",
        {K.DOMAIN},
    ),
    "collation": ('ALTER TABLE author ALTER name TYPE text COLLATE "C"', {K.COLLATION}),
    "sequence behind": ("SELECT setval('author_id_seq', 1)", {K.SEQUENCE}),
    "sequence behind AUTOINCREMENT": ("SELECT setval('author_id_seq', 2)", {K.SEQUENCE}),
    "table added": ("CREATE TABLE another (x int)", {K.EXTRA_TABLE}),
    "column added": ("ALTER TABLE author ADD more text", {K.EXTRA_COLUMN}),
    "column dropped": ("ALTER TABLE author DROP code", {K.MISSING_COLUMN}),
    "view dropped": ("DROP VIEW shelves", {K.VIEW}),
    "view changed": (
        "CREATE OR REPLACE VIEW shelves AS SELECT shelf, count(*) AS books FROM book WHERE shelf > 1 GROUP BY shelf",
        {K.VIEW},
    ),
    "view in other words": (
        "CREATE OR REPLACE VIEW shelves AS SELECT b.shelf, count(1) AS books FROM book b GROUP BY b.shelf",
        {K.NOT_CHECKED},
    ),
    "view materialized": (
        """DROP VIEW shelves;
        CREATE MATERIALIZED VIEW shelves AS SELECT shelf, count(*) AS books FROM book GROUP BY shelf""",
        {K.VIEW},
    ),
    "rows in a child": (
        """CREATE TABLE old () INHERITS (book);
        WITH m AS (DELETE FROM ONLY book WHERE isbn = 'i3' RETURNING *) INSERT INTO old SELECT * FROM m""",
        {K.CHILD_ROWS, K.MISSING_ROW, K.ROW_COUNT, K.DIGEST_MISMATCH},
    ),
    "row level security": ("ALTER TABLE book ENABLE ROW LEVEL SECURITY", {K.ROW_SECURITY}),
    "grant to everybody": ("GRANT SELECT ON author TO PUBLIC", {K.PUBLIC_GRANT}),
    "grant of a column to everybody": ("GRANT UPDATE (name) ON author TO PUBLIC", {K.PUBLIC_GRANT}),
    "another owner": ("ALTER TABLE book OWNER TO {role}", {K.OWNER}),
    **REFUSAL_CHANGES,
}


@pytest.fixture(scope="module")
def migrated(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The source, and the name of a database into which Convoy has migrated it."""
    folder = tmp_path_factory.mktemp("mutations")
    path = folder / "library.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)
        connection.commit()
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    direct = Direct(postgres_url.replace("/postgres?", f"/{name}?", 1), folder)
    run = direct.migrate(path, target_schema="public")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    direct.close()
    yield path, name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def role(postgres_url: str) -> Iterator[str]:
    name = f"r_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {name}")


@pytest.fixture
def changed(migrated: tuple[Path, str], postgres_url: str, role: str) -> Iterator[Callable[[str], str]]:
    """Returns a function that changes a copy of the migrated database and returns its URL."""
    _, template = migrated
    copy = f"t_{uuid.uuid4().hex[:12]}"

    def change(statements: str) -> str:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {copy} TEMPLATE {template}")
        url = postgres_url.replace("/postgres?", f"/{copy}?", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statements.replace("{role}", role))
        return url

    yield change
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")


def told(result: ValidationResult) -> str:
    return "\n".join(f"{f.kind} {f.table}.{f.column}: {f.message}" for f in result.findings)


@pytest.mark.parametrize("name", CHANGES)
def test_change_is_found_as_its_kind(
    migrated: tuple[Path, str], changed: Callable[[str], str], name: str
) -> None:
    statements, kinds = CHANGES[name]
    result = validate_database(migrated[0], "library", changed(statements), RunOptions())
    assert {f.kind for f in result.findings} == kinds, told(result)
    about_rows = {kind for kind in kinds if kind in {K.MISSING_ROW, K.MISSING_COLUMN, K.LOSSY_VALUE}}
    assert result.equal is not bool(about_rows)
    assert set(result.schema_checked) == {"author", "book", "Odd Name"}


READS_ALL = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"


def as_role(url: str, role: str) -> str:
    return url.replace("postgres@", f"{role}@", 1) if "postgres@" in url else f"{url}&user={role}"


def test_role_that_may_only_read_compares_the_same_and_hears_of_sequences(
    migrated: tuple[Path, str], changed: Callable[[str], str], role: str
) -> None:
    url = as_role(changed(f"{READS_ALL}; ALTER TABLE author ALTER name DROP DEFAULT"), role)
    result = validate_database(migrated[0], "library", url, RunOptions())
    assert result.equal
    counts = [f.kind for f in result.findings if weigh(f.kind) is FindingWeight.DIFFERENCE]
    assert counts == [K.DEFAULT], told(result)
    unread = [f.message for f in result.findings if f.kind is K.NOT_CHECKED]
    assert len(unread) == 2
    assert all("may not read the sequence" in message for message in unread)


def test_role_without_temporary_tables_says_so_and_tells_what_keys_are_missing(
    migrated: tuple[Path, str], changed: Callable[[str], str], role: str
) -> None:
    url = changed(f"{READS_ALL}; DROP INDEX odd_say; {REVOKE_TEMPORARY}")
    result = validate_database(migrated[0], "library", as_role(url, role), RunOptions())
    assert result.equal
    assert {f.kind for f in result.findings} == {
        K.NOT_CHECKED,
        K.SCHEMA_NOT_COMPARED,
        K.MISSING_CONSTRAINT,
    }, told(result)
    assert any("GRANT TEMPORARY ON DATABASE" in f.message for f in result.findings)
    assert not result.schema_checked


def test_rows_behind_a_policy_are_not_compared(
    migrated: tuple[Path, str], changed: Callable[[str], str], role: str
) -> None:
    url = changed(
        f"{READS_ALL}; ALTER TABLE book ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON book USING (shelf < 5)"
    )
    result = validate_database(migrated[0], "library", as_role(url, role), RunOptions())
    assert [table.equal for table in result.tables] == [True, None, True]
    assert {K.HIDDEN_ROWS, K.ROW_SECURITY} <= {f.kind for f in result.findings}
