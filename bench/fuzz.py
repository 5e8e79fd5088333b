"""Migrates thousands of random databases and proves each by code that shares nothing with the copy path.

    python -m bench.fuzz --count 2000 --seed 1

Every database goes through the producer's transitions and the workers' steps in this process, into a PostgreSQL of
its own, and is then compared with the original file: rows, quarantine, transforms, sequences, and a line for every
object. Failures are kept in a folder, each as a database and a description.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings
from psycopg import sql

from migration.ledger.run_records import RunRecord
from migration.model import IdentifierPolicy
from migration.model import Phase as RunPhase
from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.support.chance import RandomDatabase, databases, options_for
from tests.support.direct import Direct, quiet_steps
from tests.support.proof import prove, reported_tables

_TARGET_TYPES = (
    *(
        "smallint",
        "integer",
        "bigint",
        "real",
        "double precision",
        "numeric",
        "numeric(6,2)",
        "boolean",
        "text",
    ),
    *("varchar(4)", "char(5)", "bytea", "date", "time", "timestamp", "timestamptz", "jsonb"),
)
_FAMILY = 40
"""Databases from one seed: Hypothesis makes more and more variants of what it has made before."""


class Tally:
    """What has been seen so far."""

    def __init__(self, keep: Path, *, is_data_only: bool = False) -> None:
        self.is_data_only = is_data_only
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self._keep = keep

    def fail(self, number: int, database: RandomDatabase, problems: list[str]) -> None:
        """Keep a database that went wrong."""
        self.counts["failed"] += 1
        self.failures[problems[0][:160]] += 1
        self._keep.mkdir(parents=True, exist_ok=True)
        path = self._keep / f"{number}.db"
        path.unlink(missing_ok=True)
        database.build(path)
        (self._keep / f"{number}.txt").write_text(
            "\n\n".join(problems) + f"\n\n{database!r}\n", encoding="utf-8", errors="backslashreplace"
        )
        print(f"database {number}: {problems[0][:600]}", flush=True)


def migrate_and_prove(
    direct: Direct, database: RandomDatabase, number: int, tally: Tally, folder: Path
) -> None:
    """Migrate one database, and note what came of it."""
    path = database.build(folder / f"db{number}.db")
    run = None
    try:
        run = direct.migrate(
            path,
            target_schema=f"db {number}",
            **options_for(number),
        )
        problems = prove(path, direct.url, direct.ledger, run)
        if not problems:
            for table, rows in reported_tables(direct.ledger, run):
                tally.counts["tables"] += 1
                tally.counts["rows"] += rows
                tally.counts["quarantined rows"] += table.quarantined
            tally.counts[str(run.phase)] += 1
        if not problems and tally.is_data_only and run.options.identifiers is IdentifierPolicy.PRESERVE:
            problems = load_and_prove(direct, path, run, number, tally)
    except Exception:  # noqa: BLE001 - a crash is a finding like any other
        problems = [traceback.format_exc().splitlines()[-1], traceback.format_exc()]
    if problems:
        tally.fail(number, database, problems)
    if run is not None:
        direct.forget(run)
    path.unlink()


def load_and_prove(direct: Direct, path: Path, run: RunRecord, number: int, tally: Tally) -> list[str]:
    """Load the same rows into tables of other types, as an application may have made them; return what is wrong."""
    dice = random.Random(number)  # noqa: S311 - no secret
    schema = f"app {number}"
    with psycopg.connect(direct.url) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
        for table, _ in reported_tables(direct.ledger, run):
            columns = [
                sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(dice.choice(_TARGET_TYPES)))
                for _, name, _ in table.columns
            ]
            connection.execute(
                sql.SQL("CREATE TABLE {} ({})").format(
                    sql.Identifier(schema, table.target), sql.SQL(", ").join(columns)
                )
            )
    asked = options_for(number) | {"identifiers": run.options.identifiers}
    loaded = direct.migrate(path, target_schema=schema, data_only=True, **asked)
    problems = prove(path, direct.url, direct.ledger, loaded)
    if loaded.phase is RunPhase.FAILED:
        return problems
    tally.counts[f"data only: {loaded.phase}"] += 1
    tally.counts["data only: quarantined rows"] += sum(
        table.quarantined for table, _ in reported_tables(direct.ledger, loaded)
    )
    direct.forget(loaded)
    return problems


def main() -> int:
    """Run, print what was seen, and return 1 where anything went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="number of the one database to migrate")
    parser.add_argument("--data-only", action="store_true", help="load into tables of random types, too")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-failures"), help="folder for databases that fail"
    )
    arguments = parser.parse_args()
    tally = Tally(arguments.keep, is_data_only=arguments.data_only)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="convoy-fuzz-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off", "autovacuum": "off"})
        server.start()
        try:
            with quiet_steps(), warnings.catch_warnings():
                _run_all(server.ensure_database("fuzz"), Path(folder), tally, arguments)
        finally:
            server.stop()
    seconds = time.monotonic() - started
    print(f"seed {arguments.seed}: {tally.counts['databases']} databases in {seconds:.0f} s")
    for name, count in sorted(tally.counts.items()):
        print(f"  {name}: {count:,}")
    for problem, count in tally.failures.most_common():
        print(f"  {count} x {problem}")
    return 1 if tally.failures else 0


def _run_all(url: str, folder: Path, tally: Tally, arguments: argparse.Namespace) -> None:
    direct = Direct(url, folder)

    def each(database: RandomDatabase) -> None:
        number = tally.counts["databases"] + 1
        tally.counts["databases"] = number
        if arguments.only in {None, number}:
            migrate_and_prove(direct, database, number, tally, folder)
        if number % 100 == 0:
            print(f"{number} databases, {tally.counts['failed']} failed", flush=True)

    settled = settings(
        max_examples=_FAMILY,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        for family in range(-(-arguments.count // _FAMILY)):
            seed(arguments.seed * 1_000_000 + family)(settled(given(databases())(each)))()
    finally:
        direct.close()


if __name__ == "__main__":
    sys.exit(main())
