"""The double -0.0: kept bit for bit where PostgreSQL has it, and a counted transform where it does not."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct


def test_negative_zero_arrives_equal_and_is_counted_where_it_loses_its_sign(
    direct: Direct, tmp_path: Path
) -> None:
    path = tmp_path / "negative_zero.db"
    with closing(sqlite3.connect(path)) as connection:
        # Only columns without affinity store it: the others make an integer of it.
        connection.execute("CREATE TABLE t (exact, mixed, words, document)")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?)", [(-0.0, -0.0, -0.0, -0.0), (0.5, 2**60, "x", 0.0)]
        )
        connection.commit()
    mapping = parse_mapping('[tables.t.columns]\ndocument = { type = "jsonb" }', "mapping.toml")
    run = direct.migrate(path, mapping=mapping)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert direct.query(
        "SELECT exact::text, mixed::text, words, document::text FROM negative_zero.t ORDER BY exact"
    ) == [("-0", "0", "-0.0", "0.0"), ("0.5", str(2**60), "x", "0.0")]
    (table,) = build_report(direct.ledger, run.id).tables
    said = {(c.name, t.name): t.values for c in table.columns for t in c.transforms}
    assert said == {
        ("mixed", "negative_zero_to_zero"): 1,
        ("mixed", "class_dropped"): 1,  # beside an integer, a real zero is not the integer 0
        ("words", "real_to_text"): 1,
        ("words", "class_dropped"): 1,
        ("document", "negative_zero_to_zero"): 1,
    }
