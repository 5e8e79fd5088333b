"""UUIDs as libraries keep them in SQLite: what becomes uuid, with all that refers to it, and what stays what it is."""

from __future__ import annotations

import sqlite3
import uuid
from contextlib import closing
from itertools import count

import psycopg
import pyarrow as pa
import pytest

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Mode, Phase
from migration.value_conversion.rules import RULES, Context, Misfit
from tests.support.direct import Direct
from tests.support.field import Build, migrate, plans, types

ONE, TWO, THREE, FOUR = (
    uuid.UUID(int=number << 64 | 0x4ABC_8DEF_0123_4567_89AB << 0, version=4) for number in (7, 8, 9, 10)
)
SCHEMAS = (f"uuids{number}" for number in count())
ALL = (ONE, TWO, THREE, FOUR)


def _rows(table: str, values: list[str]) -> str:
    return f"INSERT INTO {table} VALUES {', '.join(values)};"


@pytest.mark.parametrize(
    ("declared", "spelled", "expected"),
    [
        ("UUID", str, "uuid"),
        ("GUID", lambda value: str(value).upper(), "uuid"),
        ("uniqueidentifier", str, "uuid"),
        ("CHAR(36)", str, "uuid"),
        ("VARCHAR(36)", str, "uuid"),
        ("nvarchar(36)", str, "uuid"),
        ("CHAR(32)", lambda value: value.hex, "uuid"),
        ("TEXT", str, "text"),
        ("CHAR(40)", str, "character(40)"),
    ],
)
def test_columns_of_nothing_but_uuids(
    direct: Direct, build: Build, declared: str, spelled, expected: str
) -> None:  # type: ignore[no-untyped-def]
    schema = next(SCHEMAS)
    path = build(
        f"CREATE TABLE t (id {declared} PRIMARY KEY, n INTEGER);"
        + _rows("t", [f"('{spelled(value)}', {n})" for n, value in enumerate(ALL)])
    )
    run, report = migrate(direct, path, target_schema=schema)
    assert run.phase is Phase.COMPLETED
    assert types(direct, schema)["id"] == expected
    if expected == "uuid":
        assert direct.query(f"SELECT id FROM {schema}.t ORDER BY n") == [(value,) for value in ALL]
    assert report.quarantine.total == 0
    assert direct.migrate(path, target_schema=schema, mode=Mode.VALIDATE).phase is Phase.COMPLETED


@pytest.mark.parametrize(
    ("declared", "values", "expected", "reason"),
    [
        ("CHAR(36)", [str(ONE), "x" * 36], "character(36)", ""),
        ("UUID", [str(ONE), str(TWO).upper()], "text", "not all its texts are UUIDs in one spelling"),
        ("UUID", [str(ONE), "none"], "text", "not all its texts"),
        ("CHAR(32)", ["d41d8cd98f00b204e9800998ecf8427e"] * 5, "character(32)", ""),
        (
            "GUID",
            [ONE.hex, "1e500000000000000000000000000000", "12345678901234567890123456789012"],
            "text",
            "lost",
        ),
    ],
)
def test_columns_that_hold_more_stay_texts(
    direct: Direct, build: Build, declared: str, values: list[str], expected: str, reason: str
) -> None:
    schema = next(SCHEMAS)
    path = build(
        f"CREATE TABLE t (n INTEGER PRIMARY KEY, id {declared});"
        + _rows("t (id)", [f"('{v}')" for v in values])
    )
    _, report = migrate(direct, path, target_schema=schema)
    assert types(direct, schema)["id"] == expected
    assert reason in report.tables[0].columns[1].reason
    warned = [advice for advice in report.recommendations if "turned into numbers" in advice.title]
    assert [("t.id (2)" in advice.detail) for advice in warned] == [True] * (declared == "GUID")


def test_one_text_of_32_digits_is_a_uuid_where_the_name_says_so(direct: Direct, build: Build) -> None:
    schema = next(SCHEMAS)
    path = build(
        "CREATE TABLE t (id CHAR(32) PRIMARY KEY, ownerId CHAR(32), digest CHAR(32));"
        f"INSERT INTO t VALUES ('{ONE.hex}', '{ONE.hex}', '{ONE.hex}');"
    )
    migrate(direct, path, target_schema=schema)
    assert types(direct, schema) == {"id": "uuid", "ownerId": "uuid", "digest": "character(32)"}


def test_a_foreign_key_has_one_type_on_both_sides(direct: Direct, build: Build) -> None:
    """Whoever declares it: parent, child, or a child of the child; one value that is none keeps them all texts."""
    schema = (
        "CREATE TABLE a (id CHAR(36) PRIMARY KEY);"
        "CREATE TABLE b (id TEXT PRIMARY KEY REFERENCES a (id), c UUID REFERENCES c (id));"
        "CREATE TABLE c (id VARCHAR(50) PRIMARY KEY);"
        "CREATE TABLE d (id TEXT PRIMARY KEY, a TEXT REFERENCES a);"
    )
    rows = (
        _rows("a", [f"('{ONE}')", f"('{TWO}')"])
        + _rows("c", [f"('{THREE}')"])
        + _rows("b", [f"('{ONE}', '{THREE}')"])
    )
    path = build(schema + rows)
    run, report = migrate(direct, path, target_schema="u_keys")
    assert run.phase is Phase.COMPLETED
    found = {t: types(direct, "u_keys", t) for t in "abcd"}
    assert found == {
        "a": {"id": "uuid"},
        "b": {"id": "uuid", "c": "uuid"},
        "c": {"id": "uuid"},
        "d": {"id": "text", "a": "uuid"},
    }
    assert [o.state for o in report.objects if o.kind == "foreign key"] == ["created"] * 3
    assert "uuid like" in plans(direct, run)["c"].columns[0].reason

    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO d VALUES ('x', 'none')")
    run, report = migrate(direct, path, target_schema="u_keys2")
    assert types(direct, "u_keys2", "a") == {"id": "character(36)"}
    assert types(direct, "u_keys2", "b") == {"id": "text", "c": "uuid"}


def test_what_computes_with_the_text_keeps_it(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id CHAR(36) PRIMARY KEY CHECK (length(id) = 36), other UUID, seen UUID);"
        "CREATE VIEW v AS SELECT seen IS NOT NULL AS n, substr(other, 1, 8) AS head FROM t"
        " WHERE seen IN (SELECT seen FROM t);" + _rows("t", [f"('{ONE}', '{TWO}', '{THREE}')"])
    )
    run, report = migrate(direct, path, target_schema="u_computes")
    assert run.phase is Phase.COMPLETED, [f.message for f in report.findings]
    assert types(direct, "u_computes") == {"id": "character(36)", "other": "text", "seen": "uuid"}
    assert "a view computes with t.other" in report.tables[0].columns[1].reason
    assert direct.query("SELECT n, head FROM u_computes.v") == [(True, str(TWO)[:8])]


def test_sixteen_bytes_become_uuid(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id UUID PRIMARY KEY, net GUID, raw BLOB);"
        + _rows("t", [f"(x'{value.hex}', x'{value.bytes_le.hex()}', x'{value.hex}')" for value in ALL])
    )
    run, report = migrate(direct, path, target_schema="u_bytes")
    assert run.phase is Phase.COMPLETED
    assert types(direct, "u_bytes") == {"id": "uuid", "net": "uuid", "raw": "bytea"}
    assert direct.query("SELECT id, net FROM u_bytes.t ORDER BY 1") == [
        (value, value) for value in sorted(ALL)
    ]
    assert {t.name for c in report.tables[0].columns for t in c.transforms} == {
        "blob_to_uuid",
        "guid_blob_to_uuid",
    }
    assert direct.migrate(path, target_schema="u_bytes", mode=Mode.VALIDATE).phase is Phase.COMPLETED


def test_the_mapping_file_asks_and_forbids(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (n INTEGER PRIMARY KEY, a UUID, b TEXT, c BLOB, d UUID);"
        + _rows(
            "t",
            [
                f"(1, '{ONE}', '{str(TWO).upper()}', x'{THREE.bytes_le.hex()}', '{ONE}')",
                f"(2, NULL, '{ONE}', x'00', NULL)",
            ],
        )
    )
    mapping = parse_mapping(
        '[tables.t.columns]\na = { type = "text" }\nb = { type = "uuid" }\n'
        'c = { type = "uuid", rules = { blob = "guid_blob_to_uuid" } }\n',
        "m.toml",
    )
    _, report = migrate(direct, path, target_schema="u_asked", mapping=mapping)
    assert types(direct, "u_asked") == {"n": "integer", "a": "text", "b": "uuid", "c": "uuid", "d": "uuid"}
    assert direct.query("SELECT b, c FROM u_asked.t") == [(TWO, THREE)]
    assert [(f.column, f.loss) for f in report.findings if f.loss] == []
    assert list(report.quarantine.by_reason) == [
        "blob is not a UUID: it has not 16 bytes, and is no text of one"
    ]


def test_texts_of_uuids_are_those_of_the_server(target_url: str) -> None:
    """Hyphens in every place, braces of every kind, blanks, capitals, one digit more or less."""
    digits = ONE.hex
    tried = {
        digits[:at] + mark + digits[at:]
        for at in range(33)
        for mark in ("-", "{", "}", " ", "g", "0", "\u0660")
    }
    tried |= {"-".join(digits[at : at + step] for at in range(0, 32, step)) for step in (2, 4, 8, 12, 16)}
    tried |= {f"{before}{ONE}{after}" for before in ("{", "", " ", "(") for after in ("}", "", " ", ")", "-")}
    tried |= {str(ONE).upper(), digits[1:], "", str(ONE).replace("-", "--"), f"{{{digits}}}"}
    with psycopg.connect(target_url, autocommit=True) as connection:
        for text in sorted(tried):
            try:
                (there,) = connection.execute("SELECT CAST(%s::text AS uuid)::text", [text]).fetchone() or (
                    None,
                )
            except psycopg.DataError:
                there = None
            converted, bad = RULES["text_to_uuid"].columnar(pa.array([text]), Context())
            try:
                here = RULES["text_to_uuid"].scalar(text, Context())
            except Misfit:
                here = None
            assert here == there, text
            assert (None if bad is not None else converted[0].as_py()) == there, text


def test_bytes_go_into_the_uuids_of_an_application(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE item (id BLOB PRIMARY KEY NOT NULL, net BLOB, n INTEGER, again TEXT);"
        + _rows("item", [f"(x'{v.hex}', x'{v.bytes_le.hex()}', {n}, '{v.hex}')" for n, v in enumerate(ALL)])
        + _rows("item", ["(x'0011', NULL, 9, NULL)", f"(CAST('{uuid.UUID(int=5)}' AS BLOB), NULL, 10, NULL)"])
    )
    with psycopg.connect(direct.url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA u_app")
        connection.execute("CREATE DOMAIN u_app.own AS uuid")
        connection.execute("CREATE TABLE u_app.item (id uuid PRIMARY KEY, net u_app.own, n int, again uuid)")
    dry = direct.migrate(path, target_schema="u_app", data_only=True, mode=Mode.DRY_RUN)
    assert dry.phase is Phase.COMPLETED_WITH_FINDINGS
    _, report = migrate(direct, path, target_schema="u_app", data_only=True)
    assert direct.query("SELECT id, net::uuid, again FROM u_app.item WHERE n < 9 ORDER BY n") == [
        (v, v, v) for v in ALL
    ]
    assert direct.query("SELECT id FROM u_app.item WHERE n > 8") == [(uuid.UUID(int=5),)]
    assert report.quarantine.by_reason == {
        "blob is not a UUID: it has not 16 bytes, and is no text of one": 1
    }
    assert not any("Latin-1" in advice.detail for advice in report.recommendations)
    assert any("uuid" in advice.detail.lower() for advice in report.recommendations)
