"""Who is named of a queue for a lock: the session that holds it, not those that wait for it, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import pytest

from migration.target.session_waits import root_blockers, waits_of_process
from tests.support.shell import wait_until

QUEUE = (
    ("somebody's psql", "LOCK TABLE first IN ACCESS EXCLUSIVE MODE"),
    ("convoy producer", "LOCK TABLE second; TABLE first"),
    ("convoy cli", "TABLE second"),
)


@pytest.fixture
def queue(target_url: str) -> Iterator[list[int]]:
    """Process ids: the first holds a lock, each other one waits for the one before."""
    with ExitStack() as stack:
        looker = stack.enter_context(closing(psycopg.connect(target_url, autocommit=True)))
        looker.execute("CREATE TABLE first (n int); CREATE TABLE second (n int)")
        pids: list[int] = []
        for name, statements in QUEUE:
            session = stack.enter_context(closing(psycopg.connect(target_url, application_name=name)))
            session.execute("SELECT 1")  # a transaction, which keeps its locks
            pid = session.info.backend_pid
            *at_once, last = statements.split("; ")
            for statement in at_once:
                session.execute(statement.encode())
            session.pgconn.send_query(last.encode())
            if pids:
                assert wait_until(lambda pid=pid: _blockers(looker, pid) != [])
            pids.append(pid)
        yield pids


def _blockers(connection: psycopg.Connection, pid: int) -> list[int]:
    row = connection.execute("SELECT pg_blocking_pids(%s)", [pid]).fetchone()
    assert row is not None
    return list(row[0])


def test_who_waits_himself_is_passed_over(queue: list[int], target_url: str) -> None:
    with psycopg.connect(target_url, autocommit=True) as connection:

        def ask(statement: str) -> Sequence[Any]:
            return connection.execute(statement.encode()).fetchall()

        assert _blockers(connection, queue[2]) == [queue[1]]
        assert root_blockers(ask, [queue[1]]) == [queue[0]]
        assert root_blockers(ask, [queue[1], 0]) == [0, queue[0]]
        assert root_blockers(ask, []) == []
        told = waits_of_process(ask, queue[2])
    assert f"a lock that is held by process {queue[0]} of PostgreSQL (role postgres, somebody's psql" in told
    assert "convoy producer" not in told
