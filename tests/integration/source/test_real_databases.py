"""Every real database goes through the whole source side, and comes out with the rows that it has."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from migration.model import Source
from migration.source.row_reading.chunk_splitting import split_table
from migration.source.row_reading.column_profile import merge_profiles, profile_range
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshot_connection import open_snapshot
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.source.sqlite_syntax import quote_name
from migration.value_conversion.batch_conversion import Context

pytestmark = pytest.mark.shared


def files_in(folder: Path) -> dict[Path, tuple[int, str]]:
    return {
        path: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_real_database_is_frozen_described_split_profiled_and_read(shared_databases, tmp_path):
    before = files_in(shared_databases)
    tables = 0
    for path in before:
        if path.suffix == ".md":
            continue
        snapshot = take_snapshot(Source(path.stem, str(path)), tmp_path)
        for table in read_schema(snapshot.path).tables:
            check_table(snapshot.path, table)
            tables += 1
    assert tables > 100
    assert files_in(shared_databases) == before


def check_table(path, table):
    with open_snapshot(path) as connection, SnapshotReader(path) as reader:
        name = quote_name(table.name)
        (rows,) = connection.execute(f"SELECT count(*) FROM {name} NOT INDEXED").fetchone()
        splits = split_table(connection, table, max(1, rows // 3))
        assert sum(split.rows for split in splits) == rows
        profiles = merge_profiles(
            profile_range(reader, table, split.key_range, Context()) for split in splits
        )
        classes = {column: profile.classes for column, profile in profiles.items()}
        seen = dict.fromkeys(classes, 0)
        for split in splits:
            batches = list(reader.batches(table, classes, split.key_range, 1000))
            assert sum(batch.rows for batch in batches) == split.rows
            for batch in batches:
                for column, slots in batch.slots.items():
                    seen[column] += sum(len(array) - array.null_count for array in slots.values())
        for column, profile in profiles.items():
            query = f"SELECT typeof(t.{quote_name(column)}), count(*) FROM {name} AS t NOT INDEXED GROUP BY 1"
            histogram = dict(connection.execute(query).fetchall())
            assert {c.value: n for c, n in profile.counts.items()} == histogram
            assert seen[column] == rows - histogram.get("null", 0)
