"""45 targets that others have loaded: equal where the information is the same, and where it is not, exactly that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migration.model import Mode, Phase
from migration.report.report_builder import build_report
from tests.acceptance.other_hands.hands import Hand, by_duckdb, by_pgloader, by_psycopg, by_psycopg_otherwise
from tests.acceptance.other_hands.small_databases import SmallDatabase, make_database

if TYPE_CHECKING:
    from migration.report.report_model import Report
    from tests.support.direct import Direct

ROWS = {"missing_row", "extra_row", "differing_row", "row_count", "digest_mismatch", "type_mismatch"}
LOSSES = {"lossy_value", "lossy_transform"}
SEEDS = range(1, 12)
EQUAL = 0


def loaded(direct: Direct, folder: Path, seed: int, name: str, hand: Hand) -> tuple[SmallDatabase, Path, str]:
    database = make_database(seed, name)
    schema = f"{name.lower()}_{seed}" if hand is not by_psycopg_otherwise else f"otherwise_{seed}"
    path = database.build(folder / f"{schema}.db")
    hand(database, path, direct.url, schema)
    return database, path, schema


def validated(direct: Direct, path: Path, schema: str, *, data_only: bool) -> Report:
    run = direct.migrate(path, mode=Mode.VALIDATE, target_schema=schema, data_only=data_only)
    assert run.phase in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}, run.error
    return build_report(direct.ledger, run.id)


def told(report: Report) -> list[str]:
    return [f"{f.kind} {f.table}.{f.column}: {f.message}" for f in report.findings]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("name", "hand"), [("psycopg", by_psycopg), ("DuckDB", by_duckdb)])
def test_same_types_loaded_by_others_are_equal(
    direct: Direct, tmp_path: Path, seed: int, name: str, hand: Hand
) -> None:
    _, path, schema = loaded(direct, tmp_path, seed, name, hand)
    for data_only in (False, True):
        report = validated(direct, path, schema, data_only=data_only)
        assert (told(report), report.exit_status) == ([], EQUAL)


@pytest.mark.parametrize("seed", SEEDS)
def test_other_types_that_hold_the_same_are_equal(direct: Direct, tmp_path: Path, seed: int) -> None:
    _, path, schema = loaded(direct, tmp_path, seed, "psycopg", by_psycopg_otherwise)
    report = validated(direct, path, schema, data_only=True)
    assert (told(report), report.exit_status) == ([], EQUAL)
    of_rows = [f.message for f in validated(direct, path, schema, data_only=False).findings]
    assert not [f for f in validated(direct, path, schema, data_only=False).findings if f.kind in ROWS], (
        of_rows
    )


@pytest.mark.parametrize("seed", [*SEEDS, 90])
def test_of_what_pgloader_loads_exactly_its_rounded_reals_are_found(
    direct: Direct, tmp_path: Path, seed: int
) -> None:
    database, path, schema = loaded(direct, tmp_path, seed, "pgloader", by_pgloader)
    lost = database.lost_as_real()
    report = validated(direct, path, schema, data_only=True)
    values = [f for f in report.findings if f.kind in ROWS | LOSSES]
    columns = {f"{table}.{column}" for table, column in lost}
    silent = [name for name in columns if not any(_is_about(f, name) for f in values)]
    assert silent == [], told(report)
    summaries = {"row_count", "digest_mismatch"}
    strays = [
        f for f in values if f.kind not in summaries and not any(_is_about(f, name) for name in columns)
    ]
    assert [f.message for f in strays] == []
    assert report.exit_status == (1 if lost else EQUAL), told(report)


def _is_about(finding: object, name: str) -> bool:
    table, _, column = name.partition(".")
    said = f"{getattr(finding, 'column', '')} {getattr(finding, 'message', '')}"
    return getattr(finding, "table", None) == table and column in said
