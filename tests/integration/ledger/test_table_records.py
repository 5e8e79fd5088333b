from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from migration.ledger.chunk_records import NewChunk, read_chunk_profiles, save_chunk_profiles
from migration.ledger.table_records import SourceRecord, add_source, add_table
from migration.model import ColumnProfile, KeyRange
from migration.source_schema import SourceSchema


@pytest.mark.parametrize("chunks", [0, 1, 200, 401])
def test_profiles_of_all_chunks_are_read_in_order_whatever_the_pages(
    ledger: Engine, new_run: Callable[..., str], chunks: int
) -> None:
    run_id = new_run()
    source = SourceRecord(0, "shop", "/tmp/shop.db", "/tmp/s", "00", 1, SourceSchema(tables=(), objects=()))
    with ledger.begin() as connection:
        parts = [NewChunk(KeyRange(), 1)] * chunks
        table_id, ids = add_table(connection, run_id, add_source(connection, run_id, source), "t", parts)
        for number, chunk_id in enumerate(ids):
            save_chunk_profiles(connection, [(chunk_id, {"c": ColumnProfile(total_bytes=number)}, number)])
        found = [profile["c"].total_bytes for _, profile in read_chunk_profiles(connection, [table_id])]
    assert found == list(range(chunks))
