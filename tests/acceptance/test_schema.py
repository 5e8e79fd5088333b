"""All that a SQLite schema can hold: it arrives and works, or the report says what became of it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.ledger.run_records import RunRecord, create_run
from migration.model import Mode, ObjectState, Phase, Source
from migration.queue import send_advance
from migration.report.report_builder import build_report, write_report
from migration.run_options import RunOptions

if TYPE_CHECKING:
    from migration.report.report_model import ObjectReport
    from tests.support.pipeline import Pipeline

Build = Callable[[str], Path]

RICH = """
CREATE TABLE author (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL COLLATE NOCASE UNIQUE,
    born DATE DEFAULT CURRENT_DATE,
    rank INTEGER DEFAULT (abs(random()) % 10 + ifnull(1, 2)),
    active BOOLEAN NOT NULL DEFAULT 1,
    CONSTRAINT named CHECK (name <> ''),
    CHECK (name GLOB 'A*' OR 1)
);
CREATE TABLE book (
    isbn CHAR(4), edition INTEGER, title VARCHAR(80) COLLATE RTRIM, author_id INTEGER,
    price REAL, pages INTEGER,
    doubled REAL GENERATED ALWAYS AS (price + price) VIRTUAL,
    pairs INTEGER GENERATED ALWAYS AS (pages * 2) STORED,
    shout TEXT GENERATED ALWAYS AS (upper(title)) VIRTUAL,
    PRIMARY KEY (isbn, edition),
    FOREIGN KEY (author_id) REFERENCES author ON DELETE SET NULL,
    FOREIGN KEY (pages) REFERENCES shelf (id)
);
CREATE TABLE shop (k TEXT PRIMARY KEY, v) WITHOUT ROWID;
CREATE TABLE kept (k TEXT UNIQUE ON CONFLICT REPLACE);
CREATE TABLE "order" ("group" TEXT, ctid INTEGER, "a b" TEXT);
CREATE TABLE loan (id INTEGER PRIMARY KEY, isbn, edition, FOREIGN KEY (isbn, edition) REFERENCES book);
CREATE INDEX by_title ON book (title DESC, price);
CREATE UNIQUE INDEX by_upper ON book (upper(title)) WHERE price > 0;
CREATE INDEX by_glob ON book (title) WHERE title GLOB 'a*';
CREATE VIEW cheap AS SELECT title FROM book WHERE price < 10;
CREATE VIEW odd AS SELECT group_concat(title) OVER (ORDER BY price ROWS 1 PRECEDING EXCLUDE TIES), julianday('now')
    FROM book;
CREATE VIEW gone AS SELECT * FROM nowhere;
CREATE TRIGGER touch AFTER UPDATE OF title ON book WHEN NEW.price > 1 BEGIN
    UPDATE author SET rank = 1 WHERE id = NEW.author_id;
END;
CREATE VIRTUAL TABLE search USING fts5(title, body);
CREATE VIRTUAL TABLE box USING rtree(id, minx, maxx, miny, maxy);
INSERT INTO author (name) VALUES ('Ann'), ('Bob');
INSERT INTO book (isbn, edition, title, author_id, price, pages) VALUES
    ('a', 1, 'One', 1, 1.5, 10), ('b', 2, 'Two', 2, 20, NULL);
INSERT INTO loan VALUES (1, 'a', 1);
"""


def migrate_all(pipeline: Pipeline, sources: dict[str, Path], **options: Any) -> RunRecord:
    asked = tuple(Source(label, str(path)) for label, path in sources.items())
    run_id = create_run(pipeline.ledger, RunOptions(sources=asked, **options))
    send_advance(pipeline.queue, run_id)
    return pipeline.wait(run_id)


def lines_of(pipeline: Pipeline, run: RunRecord) -> dict[tuple[str, str], ObjectReport]:
    return {(item.kind, item.name): item for item in build_report(pipeline.ledger, run.id).objects}


def counted(path: Path) -> Counter[str]:
    """Count what a database declares, by its own catalog and PRAGMAs alone."""
    found: Counter[str] = Counter()
    with closing(sqlite3.connect(path)) as connection:
        kinds = dict(connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'"))
        for kind, name in connection.execute("SELECT type, name FROM sqlite_schema"):
            if kind in ("view", "trigger"):
                found[kind] += 1
            if kind != "table" or name.startswith("sqlite_"):
                continue
            found[kinds[name]] += 1
            if kinds[name] == "virtual":  # it becomes a table with its rowid as the key
                found["primary key"] += 1
                found["sequence"] += 1
            if kinds[name] != "table":
                continue
            columns = connection.execute("SELECT * FROM pragma_table_xinfo(?)", (name,)).fetchall()
            indexes = connection.execute("SELECT * FROM pragma_index_list(?)", (name,)).fetchall()
            keys = connection.execute(
                "SELECT DISTINCT id FROM pragma_foreign_key_list(?)", (name,)
            ).fetchall()
            found["primary key"] += any(column[5] for column in columns)
            found["index"] += sum(index[3] != "pk" for index in indexes)
            found["foreign key"] += len(keys)
            found["default"] += sum(column[4] is not None for column in columns)
            found["generated column"] += sum(column[6] in (2, 3) for column in columns)
            found["sequence"] += [c[2] for c in columns if c[5]] == ["INTEGER"]
    return found


def test_every_object_of_a_rich_schema_has_its_line(pipeline: Pipeline, build: Build) -> None:
    path = build(RICH)
    run = pipeline.migrate(path, target_schema="rich")
    assert run.phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS), run.error
    report = build_report(pipeline.ledger, run.id)
    expected = counted(path) + Counter({"check": 2, "collation": 2, "column": 1, "conflict clause": 1})
    lines = Counter(item.kind for item in report.objects)
    lines["index"] += lines.pop("unique constraint", 0)
    assert lines == expected
    assert {score.kind: score.total for score in report.object_scores}["view"] == expected["view"] == 3
    states = {(item.kind, item.name): item.state for item in report.objects}
    assert states["table", "author"] is ObjectState.CREATED
    assert states["default", "author.rank"] is ObjectState.SKIPPED
    assert states["generated column", "book.doubled"] is ObjectState.CHANGED
    assert states["generated column", "book.pairs"] is ObjectState.CREATED
    assert states["column", "order.ctid"] is ObjectState.CHANGED
    assert states["trigger", "touch"] is ObjectState.SKIPPED
    assert states["virtual", "search"] is ObjectState.CHANGED


def test_what_cannot_come_along_is_handed_out_as_sql(
    pipeline: Pipeline, build: Build, tmp_path: Path
) -> None:
    run = pipeline.migrate(build(RICH), target_schema="stubs")
    report = build_report(pipeline.ledger, run.id)
    write_report(report, tmp_path / "report")
    written = (tmp_path / "report" / "not_migrated.sql").read_text()
    assert report.stubs_file == "not_migrated.sql"
    skipped = {
        (i.kind, i.name)
        for i in report.objects
        if i.state is ObjectState.SKIPPED and i.kind not in ("shadow", "conflict clause")
    }
    assert skipped <= {(stub.kind, stub.name) for stub in report.stubs}
    for stub in report.stubs:
        assert stub.reason
        assert stub.source_sql
        assert f"-- {stub.kind} {stub.name}" in written
        assert all(line in written for line in stub.source_sql.splitlines())
    assert all(line.startswith("--") or not line for line in written.splitlines())
    drafts = {(stub.kind, stub.name): stub.draft for stub in report.stubs}
    assert 'AFTER UPDATE OF title ON "stubs"."book"' in drafts["trigger", "touch"]
    assert "to_tsvector" in drafts["virtual", "search"]
    assert "USING gist" in drafts["virtual", "box"]
    assert 'ALTER TABLE "stubs"."author" ALTER COLUMN "rank" SET DEFAULT' in drafts["default", "author.rank"]
    # A draft is a start: those that need no thought run as they are.
    with psycopg.connect(pipeline.url) as connection:
        connection.execute(drafts["trigger", "touch"].encode())
        connection.execute("UPDATE stubs.book SET title = 'New' WHERE isbn = 'a'")
        assert connection.execute("SELECT rank FROM stubs.author WHERE id = 1").fetchone() == (1,)
        connection.rollback()


MATH = """CREATE TABLE task (id INTEGER PRIMARY KEY, grade INT); CREATE INDEX by_grade ON task (grade);
    CREATE VIEW best AS SELECT id FROM task; INSERT INTO task VALUES (1, 5);"""
READING = """CREATE TABLE word (id INTEGER PRIMARY KEY, grade INT); CREATE INDEX by_grade ON word (grade);
    CREATE INDEX task ON word (id); CREATE VIEW best AS SELECT id FROM word; INSERT INTO word VALUES (2, 6);"""


@pytest.fixture
def twins(tmp_path: Path) -> dict[str, Path]:
    """Two databases whose indexes and views have the same names."""
    paths = {}
    for label, script in (("math", MATH), ("reading", READING)):
        paths[label] = tmp_path / f"{label}.db"
        with closing(sqlite3.connect(paths[label])) as connection:
            connection.executescript(script)
    return paths


def test_names_that_two_sources_share_are_told_apart_in_one_schema(
    pipeline: Pipeline, twins: dict[str, Path]
) -> None:
    run = migrate_all(pipeline, twins, target_schema="twins")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    names = {
        name for (name,) in pipeline.query("SELECT indexname FROM pg_indexes WHERE schemaname = 'twins'")
    }
    assert names == {"task_pkey", "word_pkey", "by_grade", "word_by_grade", "word_task"}
    assert pipeline.query("SELECT * FROM twins.best UNION ALL SELECT * FROM twins.reading_best") == [
        (1,),
        (2,),
    ]
    lines = lines_of(pipeline, run)
    assert lines["index", "word_by_grade"].state is ObjectState.CHANGED
    assert "named by_grade" in lines["index", "word_by_grade"].reason
    assert lines["view", "reading_best"].state is ObjectState.CHANGED


def test_each_source_keeps_its_names_in_a_schema_of_its_own(
    pipeline: Pipeline, twins: dict[str, Path]
) -> None:
    run = migrate_all(pipeline, {**twins, "third": twins["math"]}, schema_per_source=True)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query("SELECT id FROM math.best UNION ALL SELECT id FROM third.best") == [(1,), (1,)]
    objects = build_report(pipeline.ledger, run.id).objects
    assert Counter((item.kind, item.name) for item in objects)["index", "by_grade"] == 3
    assert all(item.state is ObjectState.CREATED for item in objects)


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_same_table_of_two_sources_in_one_schema_is_wrong_usage(
    pipeline: Pipeline, twins: dict[str, Path], mode: Mode
) -> None:
    run = migrate_all(pipeline, {**twins, "again": twins["math"]}, target_schema="same", mode=mode)
    assert run.phase is Phase.FAILED
    assert "--schema-per-source" in (run.error or "")
    assert build_report(pipeline.ledger, run.id).exit_status == 2
    assert pipeline.query("SELECT 1 FROM pg_namespace WHERE nspname = 'same'") == []
