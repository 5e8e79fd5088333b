"""What people have set on a run's tables and views since its cutover counts before a rollback, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migration.model import Phase
from tests.support.direct import Direct
from tests.support.later_writes import SCRIPT, refused, undo, write

SETTINGS = {
    # What somebody types → what it says, and what takes it back.
    "CREATE TRIGGER into_view INSTEAD OF INSERT ON shop.titles FOR EACH ROW EXECUTE FUNCTION shop.f()": (
        "trigger into_view calls", "DROP TRIGGER into_view ON shop.titles"),
    "ALTER VIEW shop.titles SET (security_barrier = true)": (
        "security_barrier=true", "ALTER VIEW shop.titles RESET (security_barrier)"),
    "ALTER VIEW shop.titles ALTER title SET DEFAULT 'x'": (
        "default 'x'::text", "ALTER VIEW shop.titles ALTER title DROP DEFAULT"),
    "GRANT SELECT ON shop.titles TO PUBLIC": (
        "grant SELECT to PUBLIC", "REVOKE SELECT ON shop.titles FROM PUBLIC"),
    "COMMENT ON VIEW shop.titles IS 'mine'": ("comment 'mine'", "COMMENT ON VIEW shop.titles IS NULL"),
    "ALTER INDEX shop.book_pkey SET (fillfactor = 60)": (
        "(id) WITH (fillfactor='60')", "ALTER INDEX shop.book_pkey RESET (fillfactor)"),
    "COMMENT ON INDEX shop.book_pkey IS 'mine'": (
        "ON shop.book USING btree (id) 'mine'", "COMMENT ON INDEX shop.book_pkey IS NULL"),
    "ALTER TABLE shop.book CLUSTER ON book_pkey": (
        "clustered by CREATE UNIQUE INDEX ON shop.book USING btree (id)", "ALTER TABLE shop.book SET WITHOUT CLUSTER"),
    "ALTER TABLE shop.book ALTER title SET (n_distinct = 5)": (
        "column title has options n_distinct=5", "ALTER TABLE shop.book ALTER title RESET (n_distinct)"),
    "ALTER TABLE shop.book ALTER title SET STORAGE EXTERNAL": (
        "column title has storage e", "ALTER TABLE shop.book ALTER title SET STORAGE EXTENDED"),
    "ALTER TABLE shop.book ALTER title SET STATISTICS 9": (
        "column title has statistics 9", "ALTER TABLE shop.book ALTER title SET STATISTICS -1"),
    "ALTER TABLE shop.loose SET (toast.vacuum_truncate = false)": (
        "toast is stored with vacuum_truncate=false", "ALTER TABLE shop.loose RESET (toast.vacuum_truncate)"),
    "GRANT USAGE ON SEQUENCE shop.book_id_seq TO PUBLIC": (
        "sequence book_id_seq is stored with rights", "REVOKE USAGE ON SEQUENCE shop.book_id_seq FROM PUBLIC"),
    "COMMENT ON SEQUENCE shop.book_id_seq IS 'mine'": (
        "comment on sequence book_id_seq 'mine'", "COMMENT ON SEQUENCE shop.book_id_seq IS NULL"),
    "COMMENT ON TYPE shop.book IS 'mine'": ("comment on type 'mine'", "COMMENT ON TYPE shop.book IS NULL"),
    "REVOKE USAGE ON TYPE shop.author FROM PUBLIC": (
        "type has rights", "GRANT USAGE ON TYPE shop.author TO PUBLIC"),
    "COMMENT ON CONSTRAINT book_pkey ON shop.book IS 'mine'": (
        "comment on constraint book_pkey 'mine'", "COMMENT ON CONSTRAINT book_pkey ON shop.book IS NULL"),
    "CREATE OR REPLACE VIEW shop.titles AS SELECT title FROM shop.book WHERE id > 1": (
        "query of another text", "CREATE OR REPLACE VIEW shop.titles AS SELECT title FROM shop.book"),
}  # fmt: skip


def test_what_was_set_on_the_tables_and_views_counts(direct: Direct, build: Callable[[str], Path]) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="shop")
    assert run.phase is Phase.COMPLETED, run.error
    write(direct, "CREATE FUNCTION shop.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    unsaid = []
    for statement, (words, back) in SETTINGS.items():
        write(direct, statement)
        try:
            said = str(refused(direct, run))
        except BaseException as nothing:  # noqa: BLE001  # pytest's own, where nothing was raised
            pytest.fail(f"{statement}: {nothing}")
        unsaid += [] if words in said else [f"{statement}: {said}"]
        write(direct, back)
    assert unsaid == []
    write(direct, "DROP FUNCTION shop.f")
    assert undo(direct, run).writes == ()
