"""Tables of all mutations, migrated, and the ways to judge them; the commands are real processes on real servers."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from migration.model import Phase
from producer.cli import main
from tests.acceptance.mutations.mutation import Found, Judgement, Mutation, Way
from tests.acceptance.mutations.refusal_mutations import REFUSAL_TYPES
from tests.acceptance.mutations.schema_mutations import READER, SCHEMA_TYPES, STRANGER
from tests.acceptance.mutations.value_types import GIVEN_TYPES
from tests.support.direct import Direct
from tests.support.shell import Shell

_MAKE_ROLE = "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
_SCHEMA = "public"


@dataclass(frozen=True, slots=True)
class Target:
    """A database as one way of judging finds it."""

    way: Way
    url: str


class Scene:
    """One source with a table for each mutation, migrated; `plant` changes its copies.

    The database with the ledger is `url`'s; its twin, made before any mutation, has no ledger.
    """

    def __init__(self, folder: Path, server_url: str, name: str, mutations: Sequence[Mutation]) -> None:
        self.folder = folder
        self.server_url = server_url
        self.name = name
        self.mutations = mutations
        self.source = folder / f"{name}.db"
        self._given = any(m.prepared for m in mutations)
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        """The database that Convoy has migrated into."""
        return self._database(self.name)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The databases of the three ways."""
        bare = self._database(f"{self.name}_bare")
        reader = bare.replace("postgres@", f"{READER}@", 1)
        return Target(Way.LEDGER, self.url), Target(Way.NO_LEDGER, bare), Target(Way.READ_ONLY, reader)

    def build(self) -> None:
        """Make the source, migrate it, and copy the result to a database without a ledger.

        Raises:
            AssertionError: the migration did not end well.
        """
        with closing(sqlite3.connect(self.source)) as connection:
            for statements in dict.fromkeys(m.of_table(m.create) for m in self.mutations):
                connection.executescript(statements)
            for mutation in self.mutations:
                connection.executescript(mutation.of_table(mutation.source))
            connection.commit()
        self._server(f'CREATE DATABASE "{self.name}" TEMPLATE template0')
        for role in (READER, STRANGER):
            self._server(_MAKE_ROLE.replace("{role}", role))
        self.execute(self.url, [GIVEN_TYPES + SCHEMA_TYPES + REFUSAL_TYPES])
        self.execute(self.url, dict.fromkeys(m.of_table(m.prepared) for m in self.mutations if m.prepared))
        driver = Direct(self.url, self.folder / "direct")
        try:
            run = driver.migrate(self.source, target_schema=_SCHEMA, data_only=self._given)
            assert (run.phase, run.error) == (Phase.COMPLETED, None), _told(driver, run.id)
        finally:
            driver.close()
        self._server(f'CREATE DATABASE "{self.name}_bare" TEMPLATE "{self.name}"')
        self.forget_ledger()

    def plant(self) -> None:
        """Do to every copy what its mutation says, in both databases; the reader may read what came by."""
        for url in (self.url, self._database(f"{self.name}_bare")):
            self.execute(url, [m.of_table(m.planted) for m in self.mutations])
        self.forget_ledger()

    def forget_ledger(self) -> None:
        """Drop what `validate` has kept in the database without a ledger; the reader may only read there."""
        self.execute(
            self._database(f"{self.name}_bare"),
            [
                "DROP SCHEMA IF EXISTS convoy CASCADE",
                f"GRANT SELECT ON ALL TABLES IN SCHEMA {_SCHEMA} TO {READER}",
                f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA {_SCHEMA} TO {READER}",
            ],
        )

    def judge(self, target: Target) -> Judgement:
        """Ask `migration-cli validate` for all tables at once."""
        if target.way is not Way.LEDGER:
            self.forget_ledger()
        flags = ["--data-only"] if self._given else []
        shell = Shell(self.folder, target.url)
        status, out, err = shell.run("validate", "--source", str(self.source), *flags, "--json")
        try:
            said = json.loads(out)
        except json.JSONDecodeError:
            raise AssertionError(f"validate ({target.way}) gave no JSON, status {status}: {err}") from None
        return Judgement(target.way, status, tuple(_findings(said)), err)

    def status_alone(self, mutation: Mutation) -> int:
        """Return the exit status for a mutation's table alone, as the reader gets it."""
        url = self.targets[-1].url
        flags = ["--data-only"] if self._given else []
        arguments = ["validate", "--source", str(self.source), "--target-url", url, *flags]
        told = signal.getsignal(signal.SIGTERM)
        here = Path.cwd()
        try:
            os.chdir(self.folder)
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                return main([*arguments, "--tables", mutation.table, "--json"])
        finally:
            os.chdir(here)
            signal.signal(signal.SIGTERM, told)

    def remove(self) -> None:
        """Drop both databases."""
        for name in (self.name, f"{self.name}_bare"):
            self._server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    @staticmethod
    def execute(url: str, statements: Iterable[str]) -> None:
        """Run each of these statements in a database."""
        with psycopg.connect(url) as connection:
            for statement in statements:
                try:
                    connection.execute(statement.encode())
                except psycopg.Error as error:
                    raise AssertionError(f"{error}\n{statement}") from None

    def _database(self, name: str) -> str:
        return self.server_url.replace("/postgres?", f"/{name}?", 1)

    def _server(self, statement: str) -> None:
        with psycopg.connect(self.server_url, autocommit=True) as connection:
            connection.execute(statement.encode())


def _findings(said: Any) -> Iterator[Found]:
    """Every finding in the answer of `validate --json`, wherever it stands in it."""
    if isinstance(said, list):
        for each in said:
            yield from _findings(each)
    elif isinstance(said, dict) and {"kind", "table", "message"} <= said.keys():
        yield Found(
            said["kind"],
            str(said["table"] or ""),
            said["message"],
            str(said.get("column") or ""),
            str(said.get("key") or ""),
        )
    elif isinstance(said, dict):
        for each in said.values():
            yield from _findings(each)


def _told(driver: Direct, run_id: str) -> str:
    with psycopg.connect(driver.url) as connection:
        error = connection.execute("SELECT error FROM convoy.runs WHERE id = %s", (run_id,)).fetchall()
        statement = "SELECT \"table\" || ': ' || message FROM convoy.findings WHERE run_id = %s"
        found = connection.execute(statement, (run_id,)).fetchall()
    return "\n".join(str(words) for (words,) in (*error, *found))
