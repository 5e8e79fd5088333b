"""Two hosts without a shared disk migrate one file, and one of them dies half-way: are the tables equal, and when?"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from pydantic import SecretStr

from bench.datasets import mixed
from bench.server import BenchServer, MissingProgramError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run, find_run
from migration.model import Phase, Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from migration.validation.database_comparison import validate_database
from tests.support.separate_hosts import SeparateHosts, may_make_namespaces

_DATABASE = "two_hosts"
_HALF = 0.5
_LOOK_SECONDS = 0.1
_DONE = """
SELECT count(*) FILTER (WHERE state = 'done')::float8 / greatest(count(*), 1),
       count(DISTINCT split_part(worker, ':', 1)) FILTER (WHERE state = 'done')
FROM convoy.steps WHERE run_id = %s AND phase = 'copying'
"""


def main(arguments: list[str] | None = None) -> int:
    """Migrate `mixed` on two hosts, kill one of them half-way, and print what came of it; 0 where all is equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--children", type=int, default=1, help="processes of each host's worker")
    parser.add_argument("--keep", action="store_true", help="kill nobody")
    parser.add_argument("--data", type=Path, default=Path(".cache/bench"))
    options = parser.parse_args(arguments)
    source = mixed(options.rows).build(options.data)
    try:
        with BenchServer() as server, tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
            with psycopg.connect(server.url(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {_DATABASE} TEMPLATE template0")
            return _migrate(server.url(_DATABASE), Path(name), source, options)
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
    return 0


def _migrate(url: str, folder: Path, source: Path, options: argparse.Namespace) -> int:
    apart = may_make_namespaces()
    settings = Settings(
        target_url=SecretStr(url),
        api_token=SecretStr("a token of this benchmark"),
        _env_file=None,  # type: ignore[call-arg]
    )
    ledger = open_ledger(url, "bench")
    wanted = RunOptions(sources=(Source("mixed", str(source)),), workers=2 * options.children)
    with SeparateHosts(
        target=url, folder=folder, children=options.children, settings=settings, namespaces=apart
    ) as cluster:
        cluster.wait_ready()
        run_id = create_run(ledger, wanted)
        queue = make_app(settings.model_copy(update={"broker_url": cluster.broker_url}))
        started = time.perf_counter()
        send_advance(queue, run_id)
        queue.close()
        killed = _follow(cluster, url, run_id, kill=not options.keep)
        seconds = time.perf_counter() - started
        for host in cluster.hosts.values():
            fetched = [
                line for line in cluster.log_of(host.name).splitlines() if "Fetched the snapshot" in line
            ]
            took = ", ".join(line.rpartition(" in ")[2] for line in fetched)
            print(f"Host {host.name}: {len(fetched)} fetch in {took}, {host.stage.answered / 1e6:,.0f} MB")
    run = find_run(ledger, run_id)
    ledger.dispose()
    compared = validate_database(source, "mixed", url, wanted)
    rows = sum(table.rows_target or 0 for table in compared.tables)
    equal = run.phase is Phase.COMPLETED and compared.equal
    print(
        f"Hosts: {'network namespaces' if apart else 'loopback addresses'}, {options.children} processes each"
    )
    print(f"Killed: {killed}")
    print(
        f"Run: {run.phase}, {seconds:.1f} s; {rows:,} rows, {'equal' if equal else 'DIFFERENT'} (MD5 of both sides)"
    )
    return 0 if equal else 1


def _follow(cluster: SeparateHosts, url: str, run_id: str, *, kill: bool) -> str:
    """Wait for the end of the run, and kill a host in the middle of the copy; return what was killed when."""
    killed = "nobody"
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            found = connection.execute("SELECT phase FROM convoy.runs WHERE id = %s", [run_id]).fetchone()
            phase = Phase(found[0]) if found else Phase.FAILED
            if phase.is_end:
                return killed
            part, hosts = connection.execute(_DONE, [run_id]).fetchone() or (0.0, 0)
            if kill and phase is Phase.COPYING and part >= _HALF and hosts > 1:
                cluster.kill("b")
                kill, killed = False, f"host b, with {part:.0%} of the chunks copied"
            time.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
