"""What a server does to connections is told apart from what is wrong with the work."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from migration.errors import ConnectionLostError, PermanentError, RetryableError, TargetUnreachableError
from migration.settings import Settings
from migration.steps.step_context import StepContext
from migration.target.loading.binary_copy import copy_batches
from migration.target.loading.table_readback import TargetReader
from migration.target.postgres_errors import translate
from migration.target.sql_statements import run_sql
from migration.target.target_connection import connect
from tests.integration.target.plans import table

PLAN = table("t", {"a": "integer"})


def end_others(url: str, application_name: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            [application_name],
        )


@pytest.fixture
def filled(target_url: str) -> str:
    with psycopg.connect(target_url, autocommit=True) as admin:
        admin.execute("CREATE TABLE t AS SELECT g AS a FROM generate_series(1, 500000) g")
    return target_url


def test_statement_on_an_ended_connection_can_be_tried_again(engine: Engine, filled: str) -> None:
    with engine.connect() as connection:
        run_sql(connection, "SELECT 1")
        end_others(filled, "test")
        with pytest.raises(DBAPIError) as caught:
            run_sql(connection, "SELECT 1")
    assert isinstance(translate(caught.value, step=1), RetryableError)
    with engine.connect() as connection:
        assert run_sql(connection, "SELECT count(*) FROM t").scalar_one() == 500_000


def test_copy_on_an_ended_connection_can_be_tried_again(filled: str) -> None:
    def batches() -> object:
        for number in range(2_000):
            if number == 10:
                end_others(filled, "copier")
            yield pa.RecordBatch.from_arrays([pa.array(range(1_000), pa.int32())], names=["a"])

    with connect(filled, "copier") as connection, pytest.raises(psycopg.Error) as caught:
        copy_batches(connection, "public", PLAN, batches())  # type: ignore[arg-type]
    assert isinstance(translate(caught.value, chunk=1), RetryableError)


def test_read_back_that_is_cut_off_can_be_tried_again(filled: str) -> None:
    with TargetReader(filled) as reader:
        batches = reader.batches("public", PLAN)
        next(batches)
        end_others(filled, "convoy read-back")
        with pytest.raises(RetryableError, match="table t"):
            list(batches)


@pytest.mark.parametrize("has_read", [False, True])
def test_read_back_whose_session_ended_while_it_was_idle_can_be_tried_again(
    filled: str, has_read: bool
) -> None:
    """A question to such a session ends the whole process, were it asked."""
    with TargetReader(filled) as reader:
        if has_read:
            assert sum(batch.num_rows for batch in reader.batches("public", PLAN)) == 500_000
        end_others(filled, "convoy read-back")
        for _ in range(2):
            with pytest.raises(ConnectionLostError):
                next(reader.batches("public", PLAN))


def test_worker_reads_back_by_another_session_where_the_first_has_ended(filled: str, tmp_path: Path) -> None:
    context = StepContext(Settings(target_url=filled, snapshot_dir=tmp_path, _env_file=None), "reader")
    for _ in range(3):
        assert sum(batch.num_rows for batch in context.target_reader().batches("public", PLAN)) == 500_000
        end_others(filled, context.session_name)
    context.close()


def test_read_back_may_be_left_early_and_go_on(filled: str) -> None:
    with TargetReader(filled) as reader:
        batches = reader.batches("public", PLAN)
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        assert sum(b.num_rows for b in reader.batches("public", PLAN, where_sql="a <= 7")) == 7


def test_read_back_of_a_table_that_is_gone_is_final(filled: str) -> None:
    gone = table("gone", {"a": "integer"})
    with TargetReader(filled) as reader, pytest.raises(PermanentError, match="gone"):
        list(reader.batches("public", gone))


def test_read_back_from_nowhere_names_the_database() -> None:
    with pytest.raises(TargetUnreachableError, match="database x on localhost:1") as caught:
        TargetReader("postgresql://me:secret@localhost:1/x")
    assert "secret" not in str(caught.value)
