"""--data-only --if-exists replace sets aside, empties and restores the rows of exactly one table, found by its oid."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migration.errors import ConvoyError, TargetChangedError
from migration.ledger.run_records import RunRecord
from migration.model import IfExists, Phase
from migration.steps.run_rollback import roll_back_run
from tests.support.direct import Direct
from tests.support.replacement import make_shop

APPLICATION = """
CREATE TABLE customer (id integer PRIMARY KEY, name text NOT NULL, email text, up integer, born date);
CREATE TABLE sale (id serial PRIMARY KEY, customer_id integer, price numeric);
INSERT INTO customer VALUES (8, 'Eve', NULL, NULL, NULL);
INSERT INTO sale VALUES (70, 8, 1.50), (71, 8, NULL);
SELECT setval('sale_id_seq', 80);
"""
CHILD = """
CREATE TABLE vip (level text) INHERITS (customer);
INSERT INTO vip VALUES (9, 'Zoe', NULL, NULL, NULL, 'gold');
"""
PARTITIONED = """
CREATE TABLE customer (id integer, name text NOT NULL, email text, up integer, born date) PARTITION BY RANGE (id);
CREATE TABLE low PARTITION OF customer FOR VALUES FROM (0) TO (2);
CREATE TABLE high PARTITION OF customer DEFAULT;
CREATE TABLE sale (id serial PRIMARY KEY, customer_id integer, price numeric);
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.name := upper(NEW.name); RETURN NEW; END$$;
CREATE TRIGGER root BEFORE INSERT ON customer FOR EACH ROW EXECUTE FUNCTION shout();
ALTER TABLE low DISABLE TRIGGER root;
CREATE TRIGGER own BEFORE INSERT ON high FOR EACH ROW EXECUTE FUNCTION shout();
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'emptied'; END$$;
CREATE TRIGGER guard BEFORE TRUNCATE ON customer EXECUTE FUNCTION never();
INSERT INTO low VALUES (1, 'Eve', NULL, NULL, NULL);
INSERT INTO high VALUES (9, 'Zoe', NULL, NULL, NULL);
"""
TRIGGERS = (
    "SELECT tgrelid::regclass::text, tgname, tgenabled::text"
    " FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2"
)


class Application:
    def __init__(self, url: str, folder: Path) -> None:
        self.direct = Direct(url, folder)
        self.source = make_shop(folder)

    def execute(self, statements: str) -> None:
        with psycopg.connect(self.direct.url) as connection:
            connection.execute(
                ("CREATE SCHEMA IF NOT EXISTS app; SET search_path = app;" + statements).encode()
            )

    def load(self) -> RunRecord:
        return self.direct.migrate(
            self.source, target_schema="app", data_only=True, if_exists=IfExists.REPLACE
        )

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.direct.url) as connection:
            connection.execute("SET search_path = app")
            return connection.execute(statement.encode()).fetchall()


@pytest.fixture
def application(target_url: str, tmp_path: Path) -> Iterator[Application]:
    opened = Application(target_url, tmp_path)
    yield opened
    opened.direct.close()


def test_rows_of_a_child_stay_with_their_extra_columns(application: Application) -> None:
    application.execute(APPLICATION + CHILD)
    run = application.load()
    # Who reads the table reads the child's rows, too: a finding, as of `validate`.
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    assert application.query("SELECT id FROM ONLY customer ORDER BY 1") == [(1,), (2,)]
    assert application.query("SELECT id, name, level FROM vip") == [(9, "Zoe", "gold")]
    roll_back_run(application.direct.ledger, run.id)
    assert application.query("SELECT id FROM ONLY customer") == [(8,)]
    assert application.query("SELECT id, level FROM vip") == [(9, "gold")]


def test_child_written_to_since_does_not_stop_a_rollback(application: Application) -> None:
    application.execute(APPLICATION + CHILD)
    run = application.load()
    application.execute("UPDATE vip SET level = 'silver'")
    roll_back_run(application.direct.ledger, run.id)
    assert application.query("SELECT level FROM vip") == [("silver",)]


def test_partitions_are_filled_emptied_and_restored_exactly(application: Application) -> None:
    application.execute(PARTITIONED)
    rows = "SELECT tableoid::regclass::text, c::text FROM customer c ORDER BY 1, 2"
    before, triggers = application.query(rows), application.query(TRIGGERS)
    run = application.load()
    assert run.phase is Phase.COMPLETED, run.error
    assert application.query("SELECT id, name FROM customer ORDER BY 1") == [(1, "Ann"), (2, "Bob")]
    assert application.query(TRIGGERS) == triggers
    roll_back_run(application.direct.ledger, run.id)
    assert application.query(rows) == before
    assert application.query(TRIGGERS) == triggers


@pytest.mark.parametrize(
    "change",
    [
        "CREATE SCHEMA c3; ALTER TABLE sale SET SCHEMA c3",
        "ALTER TABLE sale RENAME TO deal",
        "CREATE SCHEMA c3; ALTER TABLE sale SET SCHEMA c3; ALTER SEQUENCE c3.sale_id_seq RENAME TO numbers",
        "ALTER TABLE sale RENAME TO deal; CREATE TABLE sale (other text); INSERT INTO sale VALUES ('stays')",
        "ALTER SCHEMA app RENAME TO c4; CREATE SCHEMA app",
    ],
)
def test_rollback_follows_a_table_that_was_moved_or_renamed(application: Application, change: str) -> None:
    application.execute(APPLICATION)
    (oid,) = application.query("SELECT 'sale'::regclass::oid::bigint")[0]
    run = application.load()
    application.execute(change)
    roll_back_run(application.direct.ledger, run.id)
    name = application.query(f"SELECT {oid}::regclass::text")[0][0]
    assert application.query(f"SELECT * FROM {name} ORDER BY id") == [(70, 8, 1.50), (71, 8, None)]
    assert application.query(f"INSERT INTO {name} (price) VALUES (3) RETURNING id") == [(81,)]
    if "stays" in change:
        assert application.query("SELECT * FROM sale") == [("stays",)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE sale", "dropped since: sale"),
        ("DROP TABLE sale; CREATE TABLE sale (id serial, customer_id integer, price numeric)", "dropped since: sale"),
        ("UPDATE customer SET name = 'x' WHERE id = 1", "changed since the cutover.* app.customer: 1 row changed"),
        ("ALTER TABLE sale RENAME price TO cost", "Columns .* since the run: cost, price"),
        ("ALTER TABLE sale ALTER id DROP DEFAULT; DROP SEQUENCE sale_id_seq", "sequence .*_id_seq has been dropped"),
        (("DO $$BEGIN EXECUTE (SELECT format('DROP TABLE %I.sale', nspname) FROM pg_namespace"
         " WHERE nspname LIKE 'convoy%previous'); END$$"), "gone"),
    ],
)  # fmt: skip
def test_rollback_refuses_by_name_and_changes_nothing(
    application: Application, change: str, words: str
) -> None:
    application.execute(APPLICATION)
    run = application.load()
    application.execute(change)
    before = application.query("SELECT c::text FROM customer c ORDER BY 1")
    with pytest.raises((TargetChangedError, ConvoyError), match=words):
        roll_back_run(application.direct.ledger, run.id)
    assert application.query("SELECT c::text FROM customer c ORDER BY 1") == before


def test_rules_rest_while_rows_come_back(application: Application) -> None:
    application.execute(APPLICATION)
    run = application.load()
    application.execute("CREATE RULE none AS ON INSERT TO sale DO INSTEAD NOTHING")
    roll_back_run(application.direct.ledger, run.id, force=True)
    assert application.query("SELECT count(*) FROM sale") == [(2,)]
    assert application.query("SELECT ev_enabled::text FROM pg_rewrite WHERE rulename = 'none'") == [("O",)]
