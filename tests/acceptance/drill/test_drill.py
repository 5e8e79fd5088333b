"""The drill: a database that lives is taken over, cut over beside its users, and given back, with nothing lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.drill.drill_stages import Drill
from tests.acceptance.drill.living_database import CLERK, make_living, make_source
from tests.support.poolers import PooledServer, pgbouncer_program, pooled_server
from tests.support.shell import Shell


@pytest.fixture
def server(passable_path: Path) -> Iterator[PooledServer]:
    try:
        pgbouncer_program()
    except pytest.skip.Exception:
        assert not os.environ.get("CI"), "CI plays the drill, whatever has to be installed for it"
        raise
    with pooled_server(passable_path) as running:
        with psycopg.connect(running.direct("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE living TEMPLATE template0")
        make_living(running.direct("living"))
        yield running


@pytest.mark.timeout(900)
def test_a_living_database_is_taken_over_and_given_back(
    server: PooledServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_source(tmp_path / "shop.db")
    url = server.direct("living")
    pg_dump = server.postgres.programs(server.postgres.folder) / "bin" / "pg_dump"
    with server.pooler("session") as port:
        drill = Drill(Shell(tmp_path, url), url, f"postgresql://{CLERK}@127.0.0.1:{port}/living", pg_dump)
        drill.dry_run_names_all()
        drill.refused_without_flags()
        drill.held_before_the_cutover()
        application = drill.cut_over_beside_readers()
        with capsys.disabled():
            sys.stdout.write(
                f"\nlongest stall of the application: {application.longest_stall_seconds:.2f} s\n"
            )
        drill.validated_in_three_parts()
        drill.application_writes()
        drill.rollback_refused()
        drill.rolled_back_with_export()
