"""A database whose application cannot stop is taken at the first try, and its application notices nothing.

`make live` plays the long form: 300 MB, ten times, and the time beside that of an idle copy.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from migration.model import Source
from migration.source import database_copy
from migration.source.snapshots.snapshot_creation import take_snapshot
from tests.support.live_application import assert_consistent, build_database, fate, living_application

LONG = bool(os.environ.get("CONVOY_LIVE"))
MEGABYTES = 300 if LONG else 12
TIMES = 10 if LONG else 3


@pytest.fixture
def at_the_first_try(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is tried twice, and nothing is copied in another way."""

    def not_so(*_: object) -> None:
        pytest.fail("The mark was not held")

    monkeypatch.setattr(database_copy, "_ATTEMPTS", 1)
    monkeypatch.setattr(database_copy, "_copy_once", not_so)


def children_in(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        return assert_consistent(connection)


def copy_seconds(source: Path, copy: Path) -> float:
    begun = time.perf_counter()
    database_copy.copy_database(source, copy, {})
    seconds = time.perf_counter() - begun
    copy.unlink()
    return seconds


@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("at_the_first_try")
@pytest.mark.parametrize(
    "pragmas",
    [
        (),
        ("wal_autocheckpoint = 20",),
        ("wal_autocheckpoint = 0", "wal_checkpoint(TRUNCATE)"),
        ("wal_autocheckpoint = 0", "wal_checkpoint(RESTART)"),
        ("wal_autocheckpoint = 0",),
    ],
    ids=["as-usual", "log-begins-anew-all-the-time", "log-is-cut", "log-is-restarted", "log-only-grows"],
)
def test_an_application_that_commits_200_times_a_second_is_not_disturbed(tmp_path, pragmas, record_property):
    path = tmp_path / "source" / "app.db"
    build_database(path, megabytes=MEGABYTES)
    found = []
    with living_application(path, pragmas=pragmas) as application:
        for _ in range(TIMES):
            snapshot = take_snapshot(Source("app", str(path)), tmp_path / "snapshots")
            found.append(children_in(snapshot.path))
            snapshot.path.unlink()
        told = fate(application)
    assert told.refused == 0
    assert found == sorted(found)  # later snapshots have all that earlier ones have
    assert 0 < found[0] < found[-1] <= told.commits == children_in(path)
    record_property("longest stall of the application, s", f"{told.longest_stall_seconds:.3f}")
    sys.stdout.write(f"{pragmas or 'as usual'}: {told}\n")


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not LONG, reason="measures; make live")
def test_the_copy_of_a_live_database_beside_that_of_an_idle_one(tmp_path):
    path = tmp_path / "source" / "app.db"
    build_database(path, megabytes=MEGABYTES)
    idle, live = [], []
    for _ in range(TIMES):  # in turn, so that whatever else the machine does weighs on both
        idle.append(copy_seconds(path, tmp_path / "copy.db"))
        with living_application(path) as application:
            live.append(copy_seconds(path, tmp_path / "copy.db"))
            told = fate(application)
    ratio = statistics.median(live) / statistics.median(idle)
    sys.stdout.write(
        f"idle {statistics.median(idle):.2f} s, live {statistics.median(live):.2f} s, {ratio:.2f} times; {told}\n"
    )
    assert told.refused == 0
