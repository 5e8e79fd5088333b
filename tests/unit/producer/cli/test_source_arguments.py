"""How --source is read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import (
    NotADatabaseError,
    SourceCorruptError,
    SourceNotFoundError,
    SourceUnreadableError,
    UsageError,
)
from migration.model import Source
from producer.cli.source_arguments import check_sources, parse_sources


@pytest.mark.parametrize(
    ("value", "label", "location"),
    [
        ("shop.db", "shop", "{here}/shop.db"),
        ("mine=shop.db", "mine", "{here}/shop.db"),
        ("/data/shop.v2.sqlite", "shop.v2", "/data/shop.v2.sqlite"),
        ("a/../shop.db", "shop", "{here}/shop.db"),
        ("/data/a=b.db", "a=b", "/data/a=b.db"),
        ("strange=name.db", "strange=name", "{here}/strange=name.db"),
        ("s3://bucket/shop.db", "shop", "s3://bucket/shop.db"),
        ("mine=https://host/x%20y.db?token=1", "mine", "https://host/x%20y.db?token=1"),
        ("https://host/shop.db?a=b", "shop", "https://host/shop.db?a=b"),
        ("file:///data/x%20y.db", "x y", "/data/x y.db"),
    ],
)
def test_label_and_location(value: str, label: str, location: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("strange=name.db").touch()
    assert parse_sources([value]) == (Source(label, location.format(here=tmp_path)),)


def test_a_label_stands_once() -> None:
    with pytest.raises(UsageError, match="Two sources have the label app"):
        parse_sources(["a/app.db", "b/app.db"])


@pytest.mark.parametrize("values", [[], ["label="], [""]])
def test_a_source_must_be_named(values: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_sources(values)


def test_plain_mistakes_are_found_before_anything_starts(tmp_path) -> None:
    (tmp_path / "text").write_text("just some text")
    (tmp_path / "short").write_bytes(b"SQLite format 3\x00 and so on")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    with closing(sqlite3.connect(tmp_path / "database")) as connection:
        connection.execute("CREATE TABLE t (a)")
    cases = {
        "text": NotADatabaseError,
        "short": SourceCorruptError,
        "missing": SourceNotFoundError,
        ".": SourceUnreadableError,
        "pipe": SourceUnreadableError,
    }
    for name, error in cases.items():
        with pytest.raises(error, match=f"source x: {tmp_path / name}"):
            check_sources([Source("x", str(tmp_path / name))])
    check_sources([Source("x", str(tmp_path / name)) for name in ("database", "empty")])
    check_sources([Source("x", "s3://bucket/far.db")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named(tmp_path) -> None:
    (tmp_path / "secret.db").touch(mode=0o000)
    with pytest.raises(SourceUnreadableError, match="no permission"):
        check_sources([Source("x", str(tmp_path / "secret.db"))])
