"""Digests by an earlier Convoy or DuckDB: never a difference that is none, never a proof that is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.command import downgrade
from alembic.config import Config

from migration.errors import UsageError
from migration.ledger.ledger_database import MIGRATIONS, open_ledger
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_requests import fail_run, request_resume
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Phase
from migration.report.report_builder import build_report
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from migration.steps.run_rollback import roll_back_run
from migration.validation.row_hashing import algorithm_name
from migration.version_errors import DigestAlgorithmError
from tests.support.direct import Direct
from tests.support.later_writes import forget_snapshots, write

Build = Callable[[str], Path]

SCRIPT = (
    "CREATE TABLE sale (id INTEGER PRIMARY KEY, price NUMERIC(10, 2), code TEXT);"
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
    " INSERT INTO sale SELECT i, i * 1.25, 'c' || i FROM n;"
    "CREATE TABLE empty (id INTEGER PRIMARY KEY);"
)
UNSTORABLE = (
    SCRIPT + "INSERT INTO sale VALUES (1001, 1, CAST(x'62ff' AS TEXT)), (1002, 2, CAST(x'ff' AS TEXT));"
)
STALE_CHUNKS = "UPDATE convoy.chunks SET digest = md5(id::text), digest_algorithm = {0} WHERE rows_loaded > 0"
STALE_PARTS = (
    "UPDATE convoy.steps SET result = (result - 'algorithm') || jsonb_build_object('checksum', md5(id::text))"
    " || jsonb_strip_nulls(jsonb_build_object('algorithm', {0}::text))"
    " WHERE phase = 'validating' AND (result ->> 'rows')::int > 0"
)
# As the version before has left it: both sides alike, by an algorithm that nobody names.
ALIKE = (
    "UPDATE convoy.chunks SET digest = repeat('a', 32), digest_algorithm = NULL WHERE rows_loaded > 0",
    (
        "UPDATE convoy.steps SET result = (result - 'algorithm') || jsonb_build_object('checksum', repeat('a', 32))"
        " WHERE phase = 'validating' AND (result ->> 'rows')::int > 0"
    ),
)
NAMES = ("NULL", "'hash128/duckdb-0.1'")


def at_validating(direct: Direct, path: Path) -> RunRecord:
    """Return a run of which all parts are read back, and nothing has been compared."""
    run = direct.start(path, until=Phase.VALIDATING, target_schema="shop")
    direct.work(run)
    return run


def algorithms(direct: Direct) -> set[str | None]:
    rows = direct.query(
        "SELECT digest_algorithm FROM convoy.chunks WHERE rows_loaded > 0"
        " UNION SELECT digest_algorithm FROM convoy.tables WHERE rows_target > 0"
    )
    return {name for (name,) in rows}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stale", [(STALE_CHUNKS,), (STALE_PARTS,), (STALE_CHUNKS, STALE_PARTS)])
def test_digests_of_a_run_in_flight_are_computed_anew(
    direct: Direct, build: Build, name: str, stale: tuple[str, ...]
) -> None:
    run = at_validating(direct, build(SCRIPT))
    if name != "NULL" and len(stale) == 2:
        stale = (STALE_CHUNKS, STALE_PARTS.replace("{0}", "'hash128/duckdb-0.2'"))
    write(direct, *(statement.format(name) for statement in stale))
    run = direct.finish(run.id)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert algorithms(direct) == {algorithm_name()}
    report = build_report(direct.ledger, run.id)
    assert all(table.equal for table in report.tables)
    assert report.evidence.digest_algorithm == algorithm_name()
    assert roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings).writes == ()


def test_equal_checksums_that_nobody_names_prove_nothing(direct: Direct, build: Build) -> None:
    run = at_validating(direct, build(SCRIPT))
    write(direct, *ALIKE)
    direct.forge(run, "sale", "UPDATE {t} SET price = 0 WHERE id = 7")
    run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert "Source and target differ in sale" in (run.error or "")


def test_digests_of_one_other_algorithm_are_compared_as_they_are(direct: Direct, build: Build) -> None:
    run = at_validating(direct, build(SCRIPT))
    write(
        direct,
        "UPDATE convoy.chunks SET digest_algorithm = 'other'",
        "UPDATE convoy.steps SET result = jsonb_set(result, '{algorithm}', '\"other\"') WHERE result ? 'algorithm'",
    )
    forget_snapshots(direct)
    run = direct.finish(run.id)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert algorithms(direct) == {"other"}
    # The cutover has it, too, from the rows and not from the process that it happens in.
    assert build_report(direct.ledger, run.id).evidence.digest_algorithm == "other"
    assert roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings).writes == ()


def test_chunk_with_other_rows_than_its_plan_ends_the_run_with_a_reason(direct: Direct, build: Build) -> None:
    run = at_validating(direct, build(SCRIPT))
    write(
        direct,
        STALE_CHUNKS.format("NULL"),
        "UPDATE convoy.chunks SET rows_loaded = rows_loaded - 1 WHERE rows_loaded > 0",
    )
    run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert "is by an earlier version, and cannot be computed by" in (run.error or "")
    details = build_report(direct.ledger, run.id).error_details
    assert details is not None
    assert (details.code, details.table) == ("digest-by-another-version", "sale")
    assert direct.query("SELECT to_regclass('shop.sale')") == [(None,)]


def test_quarantine_of_an_earlier_version_can_be_retried(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(UNSTORABLE), target_schema="shop")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    write(direct, STALE_CHUNKS.format("NULL"), "UPDATE convoy.tables SET digest_algorithm = NULL")
    one = parse_mapping(
        "[tables.sale.columns.code]\nexpression = \"CASE id WHEN 1001 THEN 'n' ELSE code END\"", "m"
    )
    result = retry_quarantine(direct.ledger, run.id, one, settings=direct.workspace.settings)
    (table,) = result.tables
    assert (table.stored, table.remaining, table.written_since) == (1, 1, False)
    assert algorithms(direct) == {algorithm_name()}
    both = parse_mapping("[tables.sale.columns.code]\nexpression = \"'n' || id\"", "m")
    # What came in by another mapping has no plan by which it could be read again.
    write(direct, STALE_CHUNKS.format("NULL"))
    with pytest.raises(DigestAlgorithmError, match="Nothing was changed; start the migration again"):
        retry_quarantine(direct.ledger, run.id, both, settings=direct.workspace.settings)
    assert direct.query("SELECT count(*) FROM shop.sale") == [(501,)]


def test_quarantine_of_an_earlier_version_into_a_table_that_is_written_to(
    direct: Direct, build: Build
) -> None:
    run = direct.migrate(build(UNSTORABLE), target_schema="shop")
    write(
        direct,
        STALE_CHUNKS.format("NULL"),
        "UPDATE convoy.tables SET digest_algorithm = NULL",
        "UPDATE shop.sale SET price = 0 WHERE id = 7",
    )
    rules = parse_mapping("[tables.sale.columns.code]\nexpression = \"'n' || id\"", "m")
    (table,) = retry_quarantine(direct.ledger, run.id, rules, settings=direct.workspace.settings).tables
    assert (table.stored, table.remaining, table.written_since) == (2, 0, True)
    sale = next(one for one in build_report(direct.ledger, run.id).tables if one.name == "sale")
    assert (sale.rows_target, sale.digest_source, sale.digest_target, sale.equal) == (502, None, None, True)


def test_ledger_of_the_version_before_goes_on(direct: Direct, build: Build) -> None:
    path = build(UNSTORABLE)
    finished = direct.migrate(path, target_schema="done")
    compared = at_validating(direct, path)
    copying = direct.start(path, until=Phase.COPYING, target_schema="copied")
    with direct.ledger.begin() as connection:
        failed = read_run(connection, copying.id)
    fail_run(direct.ledger, failed, UsageError("The power went out"))
    with direct.ledger.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        downgrade(config, "0009")
    write(
        direct,
        "UPDATE convoy.chunks SET digest = md5(id::text) WHERE rows_loaded > 0",
        "UPDATE convoy.steps SET result = (result - 'algorithm') || jsonb_build_object('checksum', md5(id::text))"
        " WHERE phase = 'validating' AND (result ->> 'rows')::int > 0",
    )
    open_ledger(direct.url, "upgraded").dispose()
    report = build_report(direct.ledger, finished.id)
    assert (report.status, report.exit_status) == (Phase.COMPLETED_WITH_FINDINGS, 1)
    assert all(table.equal for table in report.tables)
    request_resume(direct.ledger, copying.id)
    for run in (compared, copying):
        ended = direct.finish(run.id)
        assert (ended.phase, ended.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    for run in (finished, compared, copying):
        assert roll_back_run(direct.ledger, run.id, settings=direct.workspace.settings).writes == ()
    assert direct.query(
        "SELECT to_regclass('done.sale'), to_regclass('shop.sale'), to_regclass('copied.sale')"
    ) == [(None, None, None)]
