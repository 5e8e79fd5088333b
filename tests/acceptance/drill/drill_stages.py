"""The stages of the drill, each with its own assertions; every one begins where the one before has ended."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg

from tests.acceptance.drill.application import Application
from tests.acceptance.drill.living_database import NAMES, SCHEMA, rows_of_others
from tests.acceptance.drill.schema_dump import dump_schema
from tests.support.shell import PATIENCE_SECONDS, Shell

_LEDGER = "convoy"
_LATER = ("later 1", "later 2", "later 3")
WANTED = frozenset(
    {"row_security", "extra_table", "extra_index", "extra_constraint", "extra_column", "extra_trigger"}
)
"""What the schema may have beside the source: it belongs to others, and was there before."""


class Drill:
    """What the stages know of each other: the run, the flags that were asked for, the state before."""

    def __init__(self, shell: Shell, url: str, pooled_url: str, pg_dump: Path) -> None:
        self.shell = shell
        self.url = url
        self.pooled_url = pooled_url
        self.pg_dump = pg_dump
        self.kinds = ""
        self.run = ""
        self.schema_before = dump_schema(pg_dump, url)
        self.rows_before = rows_of_others(url)
        self.tickets: list[str] = []

    def dry_run_names_all(self) -> None:
        """The dry-run says what others have hung on the two tables."""
        status, out, err = self._convoy("dry-run", *self._source(), "--if-exists", "replace")
        unnamed = [name for name in NAMES if name not in out]
        assert unnamed == [], f"status {status}: {err}"
        assert rows_of_others(self.url) == self.rows_before

    def refused_without_flags(self) -> None:
        """The run is refused with the flags to type, and nothing has changed."""
        status, out, err = self._convoy("migrate", *self._source(), "--if-exists", "replace")
        assert status == 2, err
        commands = [str(step["command"]) for step in _dicts_with(json.loads(out), "command", "text")]
        commands = commands or [str(step["command"]) for step in _dicts_with(json.loads(out), "command")]
        words = [word for command in commands for word in command.split() if "--drop-dependents" in command]
        assert words, f"no command with --drop-dependents is offered: {commands}"
        self.kinds = words[words.index("--drop-dependents") + 1]
        self._assert_unchanged()

    def held_before_the_cutover(self) -> None:
        """With these flags and --hold the run is proved and stands ready; nobody sees anything of it."""
        flags = ("--if-exists", "replace", "--drop-dependents", self.kinds, "--hold")
        status, out, err = self._convoy("migrate", *self._source(), *flags)
        assert status == 0, err
        report = json.loads(out)
        assert report["status"] == "ready"
        assert all(table["equal"] for table in report["tables"])
        self.run = report["run_id"]
        self._assert_unchanged()

    def cut_over_beside_readers(self) -> Application:
        """The cutover waits for an idle reader, names it, lets the application work, and is then done."""
        with psycopg.connect(self.url) as reader, Application(self.pooled_url) as application:
            reader.execute("SELECT count(*) FROM shop.customer")
            process = self.shell.start("cutover", self.run, "--target-url", self.url, "--json")
            named = self._wait_until_named(reader.info.backend_pid)
            written = len(application.written)
            _wait_until(lambda: len(application.written) > written + 20)
            reader.rollback()
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert named, f"the idle reader was not named: {err}"
        assert process.returncode in {0, 1}, err
        assert application.errors == []
        assert application.seen_too_much == 0, "rows that the policy hides were seen"
        self.tickets = application.written
        with psycopg.connect(self.url) as connection:
            names = connection.execute("SELECT DISTINCT left(name, 3) FROM ONLY shop.customer").fetchall()
            kept = connection.execute("SELECT words FROM support.ticket ORDER BY id").fetchall()
        assert names == [("new",)], out
        assert [words for (words,) in kept[2:]] == self.tickets
        return application

    def validated_in_three_parts(self) -> None:
        """All that is found belongs to others; with it ignored, rows, values and schema are green."""
        status, out, err = self._convoy("validate", *self._source())
        findings = list(_dicts_with(json.loads(out), "kind", "table", "message"))
        kinds = {str(found["kind"]) for found in findings}
        assert kinds <= WANTED, findings
        ignored = ",".join(sorted(kinds)) or "row_security"
        status, out, err = self._convoy("validate", *self._source(), "--ignore", ignored)
        assert status == 0, err
        parts = next(_dicts_with(json.loads(out), "rows", "values", "schema"), None)
        assert parts is not None, "the verdict has no three parts"
        assert {name: _state(parts[name]) for name in ("rows", "values", "schema")} == dict.fromkeys(
            ("rows", "values", "schema"), "equal"
        )

    def application_writes(self) -> None:
        """Rows come in after the cutover, as the application's role writes them."""
        with psycopg.connect(self.pooled_url) as connection:
            for reference in _LATER:
                statement = "INSERT INTO shop.orders (customer_id, total, reference) VALUES (5, 1, %s)"
                connection.execute(statement, (reference,))
        with psycopg.connect(self.url) as connection:
            noted = connection.execute("SELECT what FROM shop.audit ORDER BY what").fetchall()
        assert [what for (what,) in noted] == list(_LATER), "the trigger did not come along"

    def rollback_refused(self) -> None:
        """The rollback counts what it would destroy, and changes nothing."""
        schema = dump_schema(self.pg_dump, self.url)
        status, out, err = self.shell.run("rollback", self.run, "--target-url", self.url, "--json")
        assert status == 2, err
        said = out + err
        assert "orders" in said
        assert str(len(_LATER)) in said
        assert dump_schema(self.pg_dump, self.url) == schema

    def rolled_back_with_export(self) -> None:
        """The later rows are written out, and what stood before stands there again."""
        folder = self.shell.folder / "later"
        arguments = ("rollback", self.run, "--export", str(folder), "--target-url", self.url, "--json")
        status, out, err = self.shell.run(*arguments)
        assert status == 0, err
        assert set(_LATER) <= _texts_of(folder), "not all rows were written out as CSV"
        scripts = "".join(path.read_text() for path in folder.rglob("*.sql"))
        assert all(reference in scripts for reference in _LATER)
        aside = [
            str(name)
            for found in _dicts_with(json.loads(out), "kept_schemas")
            for name in found["kept_schemas"]
        ]
        before, after = (
            self.schema_before,
            dump_schema(self.pg_dump, self.url, (_LEDGER, f"{_LEDGER}_*", *aside)),
        )
        assert after == [line for line in before if line != f"CREATE SCHEMA {_LEDGER};"]
        found = rows_of_others(self.url)
        noted = found.pop("shop.audit")
        assert found == {name: rows for name, rows in self.rows_before.items() if name != "shop.audit"}
        assert noted == [(reference,) for reference in _LATER], "what others wrote elsewhere stays"
        with psycopg.connect(self.url) as connection:
            kept = connection.execute("SELECT words FROM support.ticket ORDER BY id").fetchall()
        assert [words for (words,) in kept[2:]] == self.tickets

    def _convoy(self, *arguments: str) -> tuple[int, str, str]:
        return self.shell.run(*arguments, "--target-url", self.url, "--json")

    def _source(self) -> tuple[str, ...]:
        return ("--source", str(self.shell.folder / "shop.db"), "--target-schema", SCHEMA)

    def _assert_unchanged(self) -> None:
        without = (_LEDGER, f"{_LEDGER}_*")
        assert dump_schema(self.pg_dump, self.url, without) == self.schema_before
        assert rows_of_others(self.url) == self.rows_before

    def _wait_until_named(self, pid: int) -> bool:
        """Whether `status` says by its process id which session the cutover waits for."""

        def is_named() -> bool:
            _, out, err = self.shell.run("status", self.run, "--target-url", self.url)
            return str(pid) in out + err

        return _wait_until(is_named)


def _wait_until(condition: Any) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _dicts_with(said: Any, *keys: str) -> Iterator[Mapping[str, Any]]:
    """Every object in an answer that has these keys, wherever it stands."""
    if isinstance(said, list):
        for each in said:
            yield from _dicts_with(each, *keys)
    elif isinstance(said, dict):
        if set(keys) <= said.keys():
            yield said
        for each in said.values():
            yield from _dicts_with(each, *keys)


def _state(part: Any) -> str:
    """A part of the verdict is a word, or an object whose `state` is one."""
    return str(part["state"]) if isinstance(part, dict) else str(part)


def _texts_of(folder: Path) -> set[str]:
    """All values in all CSV files below a folder."""
    values: set[str] = set()
    for path in folder.rglob("*.csv"):
        with path.open(newline="", encoding="utf-8") as opened:
            values.update(value for row in csv.reader(opened) for value in row)
    return values
