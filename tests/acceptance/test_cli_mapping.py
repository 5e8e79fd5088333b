"""The mapping file from the command line: written by a dry-run, edited, given back."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.support.pipeline import Pipeline
from tests.support.shell import Shell, make_database


@pytest.fixture
def shell(tmp_path: Path, pipeline: Pipeline) -> Shell:
    there = Shell(tmp_path, pipeline.url)
    there.environment["MIGRATION_BROKER_URL"] = pipeline.cluster.broker_url
    make_database(tmp_path / "shop.db", rows=10)
    return there


def test_decisions_are_written_edited_and_followed(shell: Shell) -> None:
    source = ("--source", "shop.db", "--target-schema", "cli mapped")
    draft = shell.folder / "shop.toml"
    status, _, err = shell.run("dry-run", *source, "--write-mapping", "shop.toml")
    assert status == 0, err
    assert "shop.toml" in err
    text = draft.read_text(encoding="utf-8")
    assert "[tables.book]" in text
    draft.write_text(text.replace("[tables.book]", '[tables.book]\nrename = "volume"', 1), encoding="utf-8")
    for command in ("migrate", "validate"):
        status, _, err = shell.run(command, *source, "--mapping", "shop.toml")
        assert status == 0, err
    assert shell.query('SELECT count(*) FROM "cli mapped".volume') == [(10,)]


def test_file_that_stands_there_is_not_overwritten(shell: Shell) -> None:
    (shell.folder / "shop.toml").write_text("# mine", encoding="utf-8")
    status, _, err = shell.run("dry-run", "--source", "shop.db", "--write-mapping", "shop.toml")
    assert status == 2
    assert "exists already" in err
    assert (shell.folder / "shop.toml").read_text(encoding="utf-8") == "# mine"


def test_decisions_of_the_application_are_written_and_followed(shell: Shell) -> None:
    with psycopg.connect(shell.target) as connection:
        connection.execute("CREATE SCHEMA cli_given")
        connection.execute(
            "CREATE TABLE cli_given.author (id bigint PRIMARY KEY, name varchar(60), seen date)"
        )
        connection.execute(
            "CREATE TABLE cli_given.book (id int, author_id int, title text, price numeric(9,2))"
        )
    flags = ("--source", "shop.db", "--target-schema", "cli_given", "--data-only", "--on-error", "abort")
    status, _, err = shell.run("dry-run", *flags, "--write-mapping", "given.toml")
    assert status == 0, err
    assert 'type = "character varying(60)"' in (shell.folder / "given.toml").read_text("utf-8")
    for command in ("migrate", "validate"):
        status, _, err = shell.run(command, *flags, "--mapping", "given.toml")
        assert status == 0, err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('tables.book.renam = "x"', "Did you mean rename"),
        ("tables.bok.skip = true", "Did you mean book"),
    ],
)
def test_file_that_cannot_be_is_status_2(shell: Shell, text: str, message: str) -> None:
    (shell.folder / "shop.toml").write_text(text, encoding="utf-8")
    status, _, err = shell.run(
        "migrate", "--source", "shop.db", "--mapping", "shop.toml", "--target-schema", "cli bad mapping"
    )
    assert status == 2, err
    assert message in err
    assert "shop.toml" in err
    assert shell.query("SELECT 1 FROM pg_namespace WHERE nspname = 'cli bad mapping'") == []
