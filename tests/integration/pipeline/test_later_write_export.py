"""`rollback --export` writes out first what an application has written since the cutover."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from migration.errors import (
    OutputFileError,
)
from migration.ledger.cutover_tries import CutoverTerms
from migration.ledger.run_records import RunRecord, find_run
from migration.model import Phase
from migration.steps.run_rollback import roll_back_patiently
from tests.support.direct import Direct
from tests.support.later_writes import SCRIPT, WRITES, blur_horizon, forget_snapshots, undo, write

Build = Callable[[str], Path]


@pytest.fixture
def run(direct: Direct, build: Build) -> RunRecord:
    done = direct.migrate(build(SCRIPT), target_schema="shop")
    assert done.phase is Phase.COMPLETED, done.error
    return done


@pytest.mark.parametrize("has_snapshot", [True, False])
def test_export_writes_the_rows_out_first(
    direct: Direct, run: RunRecord, tmp_path: Path, has_snapshot: bool
) -> None:
    write(direct, *WRITES)
    expected = direct.query("SELECT * FROM shop.book WHERE id <> 1 ORDER BY id")
    if not has_snapshot:
        forget_snapshots(direct)
    result = undo(direct, run, export_to=tmp_path / "out")
    (one,) = result.exported
    assert (one.table, one.rows, one.is_whole) == ("book", 3, False)
    with one.csv.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["id"]) for row in rows) == [2, 10, 11]
    assert next(row["title"] for row in rows if row["id"] == "10") == "it's \\ new\nline"
    # The SQL makes a later run's table what it was, but for what was deleted.
    again = direct.migrate(Path(run.options.sources[0].location), target_schema="shop")
    assert again.phase is Phase.COMPLETED
    write(direct, one.sql.read_text(encoding="utf-8"))
    found = direct.query("SELECT * FROM shop.book WHERE id NOT IN (1, 3) ORDER BY id")
    assert found == expected


def test_right_that_was_granted_exports_no_row(direct: Direct, run: RunRecord, tmp_path: Path) -> None:
    write(direct, "GRANT SELECT ON shop.book TO pg_monitor", "GRANT SELECT (id) ON shop.book TO pg_monitor")
    result = undo(direct, run, export_to=tmp_path / "rights")
    (one,) = result.exported
    assert (one.table, one.rows, one.is_whole) == ("book", 0, False)
    assert "INSERT" not in one.sql.read_text()
    assert "grant SELECT to pg_monitor added" in one.sql.read_text()


def test_column_that_was_added_exports_every_row(direct: Direct, run: RunRecord, tmp_path: Path) -> None:
    write(direct, "ALTER TABLE shop.book ADD COLUMN shelf text DEFAULT 'A'")
    result = undo(direct, run, export_to=tmp_path / "column")
    (one,) = result.exported
    assert (one.is_whole, one.rows) == (
        True,
        direct.query(f"SELECT count(*) FROM {_kept(direct)}.book")[0][0],
    )


def _kept(direct: Direct) -> str:
    found = direct.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy%kept'")
    return str(found[-1][0])


def test_tables_with_points_in_their_names_have_files_of_their_own(
    direct: Direct, build: Build, tmp_path: Path
) -> None:
    script = 'CREATE TABLE "b.c" (id INTEGER PRIMARY KEY); CREATE TABLE "b%2ec" (id INTEGER PRIMARY KEY);'
    run = direct.migrate(build(script), target_schema="a")
    write(direct, 'INSERT INTO a."b.c" VALUES (1)', 'INSERT INTO a."b%2ec" VALUES (2)')
    exported = undo(direct, run, export_to=tmp_path / "out").exported
    assert {one.table for one in exported} == {"b.c", "b%2ec"}
    assert len({one.csv for one in exported}) == len(exported)


def test_export_of_an_uncertain_age_writes_all_rows(direct: Direct, run: RunRecord, tmp_path: Path) -> None:
    write(direct, *WRITES)
    blur_horizon(direct, run)
    (one,) = undo(direct, run, export_to=tmp_path).exported
    assert one.is_whole
    assert one.rows == 4


def test_export_that_cannot_be_written_changes_nothing(
    direct: Direct, run: RunRecord, tmp_path: Path
) -> None:
    write(direct, *WRITES, "DELETE FROM shop.loose")
    (tmp_path / "shop.loose.csv").write_text("of somebody else", encoding="utf-8")
    with pytest.raises(OutputFileError, match="Nothing was changed"):
        undo(direct, run, export_to=tmp_path)
    assert find_run(direct.ledger, run.id).phase is Phase.COMPLETED
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("shop.")] == ["shop.loose.csv"]
    assert direct.query("SELECT count(*) FROM shop.book") == [(4,)]
    (tmp_path / "file").touch()
    with pytest.raises(OutputFileError):
        undo(direct, run, export_to=tmp_path / "file")


def test_export_of_a_try_that_others_were_in_the_way_of_is_written_anew(
    direct: Direct, run: RunRecord, tmp_path: Path
) -> None:
    write(direct, *WRITES)
    said: list[str] = []
    left: list[list[Path]] = []
    with psycopg.connect(direct.url) as other:
        # A lock that cannot be taken beforehand: it is met when the rows are on the disk already.
        other.execute("SELECT nextval(pg_get_serial_sequence('shop.book', 'id'))")

        def pause(_seconds: float) -> None:
            left.append(list((tmp_path / "out").iterdir()))
            other.rollback()

        result = roll_back_patiently(
            direct.ledger,
            run.id,
            CutoverTerms(None, 0.2, 60),
            said.append,
            export_to=tmp_path / "out",
            settings=direct.workspace.settings,
            pause=pause,
        )
    assert left == [[]]
    assert len(said) == 1
    assert [one.table for one in result.exported] == ["book"]
    assert result.exported[0].sql.exists()
    assert find_run(direct.ledger, run.id).phase is Phase.ROLLED_BACK
