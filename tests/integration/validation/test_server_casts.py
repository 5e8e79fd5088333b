"""Texts that only the server can read: what it refuses is the value's own fault, whatever error it uses."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from sqlalchemy import Engine

from migration.convoy_error import ConvoyError
from migration.model import ColumnPlan, ValueKind
from migration.target.target_connection import make_engine
from migration.validation.server_casts import ServerCasts

# Type → a text that it takes, and one that it does not.
TEXTS = {
    "jsonpath": ("$.a", "$."),
    "tsvector": ("a:1", "2024-01-01 00:00:00.4"),
    "tsquery": ("a & b", "a &"),
    "regclass": ("pg_class", "no_such_table"),
    "regtype": ("integer", "no such type"),
    "regrole": ("postgres", "nobody_of_that_name"),
    "regprocedure": ("now()", "no_such()"),
    "inet": ("10.0.0.1", "10.0.0.999"),
    "point": ("(1,2)", "(1"),
    "int4range": ("[1,3)", "[3,1)"),
    "bit(2)": ("10", "12"),
    "interval": ("1 day", "one day"),
    "pg_lsn": ("0/0", "x"),
    "integer[]": ("{1}", "{1"),
}


@pytest.fixture
def engine(target_url: str) -> Iterator[Engine]:
    opened = make_engine(target_url, "test")
    yield opened
    opened.dispose()


def cast(
    engine: Engine, type_: str, texts: list[str | None]
) -> tuple[list[str | None], dict[int, tuple[str, str]]]:
    column = ColumnPlan("v", "v", "", type_, ValueKind.TEXT, {}, "", cast_to=type_)
    batch = pa.RecordBatch.from_pydict({"v": pa.array(texts, pa.string())})
    with engine.connect() as connection:
        done = ServerCasts(connection, [column]).apply(batch)
    return done.batch.column(0).to_pylist(), done.refused


def test_one_text_that_a_type_does_not_take_is_refused_by_itself(engine: Engine) -> None:
    wrong = []
    for type_, (good, bad) in TEXTS.items():
        written, refused = cast(engine, type_, [good, bad, None, good])
        is_right = written[0] is not None and written[3] == written[0] and written[2] is None
        told = set(refused) == {1} and refused[1][0] == "v" and refused[1][1]
        wrong += [] if is_right and told else [(type_, written, refused)]
    assert wrong == []


def test_type_that_is_not_there_is_no_fault_of_a_value(engine: Engine) -> None:
    with pytest.raises(ConvoyError, match="does not exist"):
        cast(engine, "public.no_such_type", ["a"])
