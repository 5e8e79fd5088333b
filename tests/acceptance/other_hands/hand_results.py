"""Every hand with every small database, and what `validate` says of each target."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from migration.model import Mode, Phase
from migration.report.report_builder import build_report
from tests.acceptance.other_hands.hands import Hand, by_duckdb, by_pgloader, by_psycopg, by_psycopg_otherwise
from tests.acceptance.other_hands.small_databases import SmallDatabase, make_database
from tests.support.direct import Direct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.report.report_model import Report

OF_ROWS = frozenset(
    {"missing_row", "extra_row", "differing_row", "row_count", "digest_mismatch", "type_mismatch"}
)
OF_LOSSES = frozenset({"lossy_value", "lossy_transform"})
SUMMARIES = frozenset({"row_count", "digest_mismatch"})
EQUAL, DIFFERENT = 0, 1


@dataclass(frozen=True, slots=True)
class Loader:
    """A hand, the columns that it takes, the seeds of its databases, and whether it makes 4-byte reals."""

    name: str
    columns_of: str
    hand: Hand
    seeds: Sequence[int]
    makes_reals: bool = False
    same_types: bool = False
    """As docs/mapping.md makes them: keys, indexes and types are the same, too."""


LOADERS = (
    Loader("psycopg", "psycopg", by_psycopg, range(1, 12), same_types=True),
    Loader("DuckDB", "DuckDB", by_duckdb, range(1, 12), same_types=True),
    Loader("psycopg, other types", "psycopg", by_psycopg_otherwise, range(1, 12)),
    Loader("pgloader", "pgloader", by_pgloader, range(1, 13), makes_reals=True),
)


@dataclass
class HandResult:
    """What came of the targets of one hand."""

    name: str
    targets: int = 0
    lossy: int = 0
    found: int = 0
    """Of the lossy ones: those of which all columns that lost something were named."""
    wolves: list[str] = field(default_factory=list)
    """Targets that were called different in what is equal."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A target: where it is, and what was lost in it."""

    database: SmallDatabase
    path: Path
    schema: str
    lost: frozenset[tuple[str, str]]


def load(loader: Loader, seed: int, folder: Path, url: str) -> Loaded:
    """Let a hand load the database of a seed into a schema of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    database = make_database(seed, loader.columns_of)
    words = "".join(c if c.isalnum() else "_" for c in loader.name.lower())
    schema = f"{words}_{seed}"
    path = database.build(folder / f"{schema}.db")
    loader.hand(database, path, url, schema)
    return Loaded(database, path, schema, frozenset(database.lost_as_real() if loader.makes_reals else ()))


def complaints(direct: Direct, loaded: Loaded, *, data_only: bool = True) -> tuple[list[str], list[str]]:
    """Return the losses that nobody named, and what was said of anything else."""
    run = direct.migrate(loaded.path, mode=Mode.VALIDATE, target_schema=loaded.schema, data_only=data_only)
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    report = build_report(direct.ledger, run.id)
    return judge(report, loaded.lost)


def judge(report: Report, lost: frozenset[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Compare what a report says of rows and values with what was lost."""
    told = [f for f in report.findings if f.kind in OF_ROWS | OF_LOSSES]
    silent = [
        f"{table}.{column} lost something, and nothing says so"
        for table, column in sorted(lost)
        if not any(f.table == table and column in f"{f.column} {f.message}" for f in told)
    ]
    columns = {table: {column for name, column in lost if name == table} for table, _ in lost}
    wolves = [
        f"{f.kind} {f.table}: {f.message}"
        for f in told
        if not (f.kind in SUMMARIES and columns.get(f.table))
        and not any(column in f"{f.column} {f.message}" for column in columns.get(f.table, ()))
    ]
    if not lost and report.exit_status != EQUAL:
        wolves.append(f"status {report.exit_status}: {[f.message for f in report.findings]}")
    if lost and report.exit_status != DIFFERENT:
        silent.append(f"status {report.exit_status}")
    return silent, wolves


def play_hands(folder: Path, server_url: str) -> list[HandResult]:
    """Load and judge all targets, in a database of their own."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE hands TEMPLATE template0")
    direct = Direct(server_url.replace("/postgres?", "/hands?", 1), folder)
    results = []
    try:
        for loader in LOADERS:
            result = HandResult(loader.name)
            for seed in loader.seeds:
                loaded = load(loader, seed, folder, direct.url)
                silent, wolves = complaints(direct, loaded)
                result.targets += 1
                result.lossy += bool(loaded.lost)
                result.found += bool(loaded.lost) and not silent
                result.wolves += [f"{loader.name}, seed {seed}: {wolves[0]}"] if wolves else []
            results.append(result)
    finally:
        direct.close()
    return results
