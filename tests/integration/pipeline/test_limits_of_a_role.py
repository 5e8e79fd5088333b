"""A limit that somebody has set for the role: what is said of it, and that nothing is restarted once it is lifted."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from migration.errors import TargetUnreachableError
from migration.ledger.run_records import RunRecord, create_run, read_run
from migration.ledger.run_requests import request_resume
from migration.ledger.step_records import take_unsent
from migration.model import Phase, Source
from migration.queue import make_app
from migration.report.report_builder import build_report
from migration.run_options import RunOptions
from migration.settings import Settings
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_step
from migration.target.postgres_errors import translate
from migration.target.session_bounds import SessionBounds
from migration.target.setting_limits import explain_limit
from migration.target.target_connection import connect, make_engine, renew_sessions
from producer import run_state_machine
from producer.run_state_machine import Runner
from tests.support.direct import Direct, quiet_steps

SORTS = "SELECT count(*) FROM (SELECT repeat(g::text, 20) t FROM generate_series(1, 100000) g ORDER BY 1 OFFSET 1) s"
"""Writes temporary files, where there is little memory to work in."""


@dataclass(frozen=True)
class Loader:
    """A role with little memory, and the way to set something for it."""

    name: str
    url: str
    run: Callable[[str], None]

    def limit(self) -> None:
        self.run(f"ALTER ROLE {self.name} SET temp_file_limit = '64kB'")


@pytest.fixture
def loader(target_url: str) -> Iterator[Loader]:
    name = f"loader_{uuid.uuid4().hex[:8]}"

    def run(statement: str) -> None:
        with psycopg.connect(target_url, autocommit=True) as connection:
            connection.execute(statement.encode())

    run(f"CREATE ROLE {name} LOGIN")
    run(f"GRANT CREATE ON DATABASE {psycopg.conninfo.conninfo_to_dict(target_url)['dbname']} TO {name}")
    run(f"GRANT ALL ON SCHEMA public TO {name}")
    run(f"ALTER ROLE {name} SET maintenance_work_mem = '1MB'")
    yield Loader(name, target_url.replace("postgres@", f"{name}@", 1), run)
    run(f"DROP OWNED BY {name} CASCADE")
    run(f"DROP ROLE {name}")


@pytest.fixture
def as_loader(loader: Loader, tmp_path: Path) -> Iterator[Direct]:
    loader.limit()
    direct = Direct(loader.url, tmp_path)
    yield direct
    direct.close()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT)")
        connection.execute("CREATE INDEX book_title ON book (title)")
        connection.executemany(
            "INSERT INTO book (title) VALUES (?)", ((os.urandom(40).hex(),) for _ in range(40_000))
        )
        connection.commit()
    return path


def failed(direct: Direct, source: Path) -> RunRecord:
    with quiet_steps():
        run = direct.migrate(source, target_schema="public")
    assert run.phase is Phase.FAILED
    return run


def test_a_limit_that_is_met_is_named_with_its_place_its_origin_and_what_lifts_it(
    as_loader: Direct, loader: Loader, source: Path
) -> None:
    # Given a run that has met a limit of the role
    run = failed(as_loader, source)
    error = build_report(as_loader.ledger, run.id).error_details
    assert error is not None
    # Then all that is needed is said
    assert (error.code, error.phase, error.table) == ("target-limit", "indexing", "book")
    assert (error.object_kind, error.object) == ("primary key", "book_pkey")
    lift = f'ALTER ROLE "{loader.name}" RESET temp_file_limit'
    assert (
        error.remedy
        == f'temp_file_limit is 64kB, set for the role "{loader.name}"; then resume the run: {lift}'
    )
    assert error.next_steps[0].command == lift

    # And when that is done, the run goes on, in the very same process
    loader.run(lift)
    request_resume(as_loader.ledger, run.id)
    assert as_loader.finish(run.id).phase is Phase.COMPLETED


def test_a_worker_that_has_met_nothing_yet_does_not_keep_to_what_was_set_once(
    as_loader: Direct, loader: Loader, source: Path
) -> None:
    # Given another worker, with a session from the time of the limit
    other = StepContext(as_loader.context.settings, "other")
    with other.engine.connect() as connection:
        assert connection.execute(text("SHOW temp_file_limit")).scalar_one() == "64kB"
    run = failed(as_loader, source)
    # When the limit is lifted, and that worker takes the step
    loader.run(f"ALTER ROLE {loader.name} RESET temp_file_limit")
    request_resume(as_loader.ledger, run.id)
    with as_loader.ledger.begin() as connection:
        waiting = take_unsent(connection, run.id, Phase.INDEXING, 100)
    try:
        # Then it does it, in a new session
        assert waiting
        assert all(run_step(other, step.id) for step in waiting)
    finally:
        other.close()
    assert as_loader.finish(run.id).phase is Phase.COMPLETED


def sort(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SET LOCAL work_mem = '64kB'"))
        connection.execute(text(SORTS))


def refused(engine: Engine) -> bool:
    try:
        sort(engine)
    except DBAPIError:
        return True
    return False


@pytest.mark.parametrize("bounds", [None, SessionBounds(3, 30, 3)], ids=["command", "API"])
def test_an_engine_that_has_met_a_limit_uses_no_session_of_that_time_again(
    loader: Loader, bounds: SessionBounds | None
) -> None:
    loader.limit()
    engine = make_engine(loader.url, "convoy test", bounds=bounds)
    try:
        assert refused(engine)
        loader.run(f"ALTER ROLE {loader.name} RESET temp_file_limit")
        assert not refused(engine)
    finally:
        engine.dispose()


def test_a_producer_moves_a_run_on_once_the_limit_is_lifted(
    loader: Loader, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a producer with sessions from the time of a limit, and a transition that needs more
    loader.limit()
    settings = Settings(
        target_url=loader.url,  # type: ignore[arg-type]
        broker_url="redis://127.0.0.1:1/0",
        snapshot_dir=tmp_path / "snapshots",
        _env_file=None,
    )
    runner = Runner(make_app(settings), settings)

    def needs_much(*_arguments: object) -> bool:
        sort(runner.engine)
        return False

    monkeypatch.setattr(run_state_machine, "move_on", needs_much)
    options = RunOptions(sources=(Source("shop", str(source)),))
    try:
        run_id = create_run(runner.engine, options)
        # When it is lifted before anything was refused
        loader.run(f"ALTER ROLE {loader.name} RESET temp_file_limit")
        runner.advance(run_id, wait=True)
        with runner.engine.connect() as connection:
            assert read_run(connection, run_id).phase is Phase.PENDING
        # And set again before the next run
        loader.limit()
        renew_sessions(runner.engine)
        other = create_run(runner.engine, options)
        runner.advance(other, wait=True)
        error = build_report(runner.engine, other).error_details
        # Then the first goes on, and the second says where it was and what lifts the limit
        assert error is not None
        assert (error.code, error.run, error.phase) == ("target-limit", other, "pending")
        assert "ALTER ROLE" in error.next_steps[0].command
        loader.run(f"ALTER ROLE {loader.name} RESET temp_file_limit")
        assert not refused(runner.engine)
    finally:
        runner.engine.dispose()


@pytest.mark.parametrize(
    ("limit", "remedy"),
    [
        ("ALTER ROLE {role}", "ALTER ROLE NAME CONNECTION LIMIT"),
        ("ALTER DATABASE {database}", "ALTER DATABASE NAME"),
    ],
)
def test_a_connection_limit_of_role_or_database_is_told_from_the_servers(
    loader: Loader, limit: str, remedy: str
) -> None:
    database = psycopg.conninfo.conninfo_to_dict(loader.url)["dbname"]
    loader.run(f"{limit.format(role=loader.name, database=database)} CONNECTION LIMIT 0")
    with pytest.raises(TargetUnreachableError) as refused:
        connect(loader.url, "convoy test")
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("statement", "where", "lift"),
    [
        ("ALTER ROLE {role} SET", 'the role "{role}"', 'ALTER ROLE "{role}" RESET temp_file_limit'),
        ("ALTER DATABASE {database} SET", 'the database "{database}"', 'ALTER DATABASE "{database}" RESET'),
        (
            "ALTER ROLE {role} IN DATABASE {database} SET",
            'the role "{role}" in the database "{database}"',
            'ALTER ROLE "{role}" IN DATABASE "{database}" RESET temp_file_limit',
        ),
    ],
)
def test_what_lifts_a_limit_is_what_has_set_it(loader: Loader, statement: str, where: str, lift: str) -> None:
    # Given a limit that is set somewhere
    names = {"role": loader.name, "database": psycopg.conninfo.conninfo_to_dict(loader.url)["dbname"]}
    loader.run(f"{statement.format(**names)} temp_file_limit = '64kB'")
    engine = make_engine(loader.url, "convoy test")
    try:
        with pytest.raises(DBAPIError) as met:
            sort(engine)
        # When it is met
        error = translate(met.value)
        explain_limit(error, met.value, loader.url)
        # Then it is said where, and what is to be typed lifts it
        assert f"temp_file_limit is 64kB, set for {where.format(**names)}" in error.remedy
        assert lift.format(**names) in error.next_steps[0].command
        loader.run(error.next_steps[0].command)
        assert not refused(engine)
    finally:
        engine.dispose()
