"""Locks are taken all at once or not at all, in a short try in which nobody else comes to harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from migration.cutover_errors import CutoverBlockedError
from migration.target.cutover.lock_acquisition import AGAINST_WRITERS, WantedLocks, take_locks
from migration.target.sql_statements import run_sql
from migration.target.target_connection import make_engine

TABLES = [("public", "a"), ("public", "b"), ("public", "c")]
HELD = "SELECT count(*) FROM pg_locks WHERE relation::regclass::text IN ('a', 'b', 'c') AND granted AND mode = '{mode}'"


@pytest.fixture
def engine(target_url: str) -> Iterator[Engine]:
    made = make_engine(target_url, "cutover")
    with made.begin() as connection:
        for name in "abc":
            run_sql(connection, f"CREATE TABLE {name} (id int PRIMARY KEY)")
            run_sql(connection, f"INSERT INTO {name} VALUES (1)")
    yield made
    made.dispose()


def test_all_locks_are_held_and_later_waits_are_short(engine: Engine) -> None:
    with engine.begin() as connection:
        take_locks(connection, WantedLocks(tables=TABLES), 2)
        assert run_sql(connection, HELD.format(mode="AccessExclusiveLock")).scalar_one() == 3
        assert run_sql(connection, "SHOW statement_timeout").scalar_one() == "0"
        assert run_sql(connection, "SHOW lock_timeout").scalar_one() == "300ms"


def test_blocker_is_named_with_all_that_helps_and_nothing_stays_locked(
    engine: Engine, target_url: str
) -> None:
    with psycopg.connect(target_url, application_name="a report") as reader:
        reader.execute("SELECT * FROM b")
        with engine.connect() as connection, connection.begin():
            with pytest.raises(CutoverBlockedError) as caught:
                take_locks(connection, WantedLocks(tables=TABLES), 0.3)
            assert run_sql(connection, HELD.format(mode="AccessExclusiveLock")).scalar_one() == 0
        said = caught.value.what
        pid = reader.info.backend_pid
        assert f"process {pid} of PostgreSQL (role postgres, a report, idle in transaction since 20" in said
        assert "in a transaction since 20" in said
        assert "its last statement began at 20" in said
        assert said.endswith("holds b")
        assert [step.command for step in caught.value.next_steps] == [f"SELECT pg_terminate_backend({pid})"]


def test_many_blockers_are_named_the_first_ones_by_name(engine: Engine, target_url: str) -> None:
    readers = [psycopg.connect(target_url, application_name=f"reader {number}") for number in range(5)]
    try:
        for reader in readers:
            reader.execute("SELECT * FROM a, c")
        with (
            engine.connect() as connection,
            connection.begin(),
            pytest.raises(CutoverBlockedError, match=r"reader 0.*holds a, c; .* and 2 more"),
        ):
            take_locks(connection, WantedLocks(tables=TABLES), 0.2)
    finally:
        for reader in readers:
            reader.close()


def test_reader_that_ends_within_the_try_lets_it_through(engine: Engine, target_url: str) -> None:
    with psycopg.connect(target_url) as reader:
        reader.execute("SELECT * FROM b")
        timer = threading.Timer(0.8, reader.rollback)
        timer.start()
        with engine.begin() as connection:
            take_locks(connection, WantedLocks(tables=TABLES), 30)
            assert run_sql(connection, HELD.format(mode="AccessExclusiveLock")).scalar_one() == 3
        timer.join()


def test_readers_go_on_where_only_writers_must_not(engine: Engine, target_url: str) -> None:
    with psycopg.connect(target_url) as reader:
        reader.execute("SELECT * FROM b")
        with engine.begin() as connection:
            take_locks(connection, WantedLocks(tables=TABLES, mode=AGAINST_WRITERS), 1)
        reader.execute("LOCK TABLE c IN ROW EXCLUSIVE MODE")
        with (
            engine.connect() as connection,
            connection.begin(),
            pytest.raises(CutoverBlockedError, match="holds c"),
        ):
            take_locks(connection, WantedLocks(tables=TABLES, mode=AGAINST_WRITERS), 0.2)


def test_whoever_waits_for_us_is_never_the_victim_of_a_deadlock(engine: Engine, target_url: str) -> None:
    """The application holds c and wants a, which the try takes before c."""
    ended: list[str] = []

    def application() -> None:
        with psycopg.connect(target_url) as session:
            session.execute("UPDATE c SET id = id")
            holding.set()
            for _ in range(40):
                session.execute("UPDATE a SET id = id")
                time.sleep(0.05)
            session.commit()
            ended.append("committed")

    holding = threading.Event()
    thread = threading.Thread(target=application)
    thread.start()
    holding.wait()
    with engine.connect() as connection, connection.begin(), pytest.raises(CutoverBlockedError):
        take_locks(connection, WantedLocks(tables=TABLES), 1.5)
    thread.join()
    assert ended == ["committed"]


def test_two_cutovers_that_want_the_same_tables_do_not_lock_each_other_out(engine: Engine) -> None:
    through: list[int] = []

    def cut(number: int) -> None:
        wanted = WantedLocks(tables=TABLES if number else list(reversed(TABLES)))
        with engine.begin() as connection:
            take_locks(connection, wanted, 60)
            time.sleep(0.2)
            through.append(number)

    threads = [threading.Thread(target=cut, args=[number]) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(through) == [0, 1]


def test_children_of_a_table_are_others(engine: Engine, target_url: str) -> None:
    with engine.begin() as connection:
        run_sql(connection, "CREATE TABLE child () INHERITS (a)")
    with psycopg.connect(target_url) as reader:
        reader.execute("SELECT * FROM child")
        with engine.begin() as connection:
            take_locks(connection, WantedLocks(tables=TABLES), 0.3)


def test_names_that_need_quotes_and_tables_that_are_not_there(engine: Engine) -> None:
    with engine.begin() as connection:
        run_sql(connection, 'CREATE SCHEMA "s""q"; CREATE TABLE "s""q"."T %s :x" ()')
        take_locks(connection, WantedLocks(staged=['s"q'], tables=[("public", "none"), *TABLES]), 1)
        assert (
            run_sql(
                connection, "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'"
            ).scalar_one()
            == 4
        )
