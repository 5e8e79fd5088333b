from __future__ import annotations

import pytest

from migration.model import Source
from migration.run_options import RunOptions
from migration.source.row_reading import chunk_size
from migration.source.row_reading.chunk_size import split_into_chunks
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshot_connection import open_snapshot


@pytest.mark.parametrize(
    ("rows", "workers", "chunks"), [(1_000, 2, 4), (1_000, 4, 4), (90, 2, 1), (400, 3, 3), (1_030, 2, 4)]
)
def test_workers_get_as_many_chunks_of_one_size(build, monkeypatch, rows, workers, chunks):
    monkeypatch.setattr(
        chunk_size, "SMALLEST_CHUNK_BYTES", 340 * 16
    )  # so many rows of two numbers are a chunk
    monkeypatch.setattr(chunk_size, "LARGEST_CHUNK_BYTES", 340 * 16)
    path = build("CREATE TABLE t(id INTEGER PRIMARY KEY, n)", {"t": [(n, n) for n in range(rows)]})
    (table,) = read_schema(path).tables
    options = RunOptions(sources=(Source("t", str(path)),), workers=workers)
    with open_snapshot(path) as connection:
        parts = [part.rows for part in split_into_chunks(connection, table, path.stat().st_size, options)]
    assert (len(parts), sum(parts)) == (chunks, rows)
    assert max(parts) - min(parts) <= workers * chunks
