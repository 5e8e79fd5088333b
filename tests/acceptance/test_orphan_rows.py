"""Rows that point nowhere: told before the run, then left, kept apart or cut loose, as the user says."""

from __future__ import annotations

import pytest

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.mapping_file_model import OnOrphan
from migration.model import Mode, OnError, Phase
from migration.report.report_builder import build_report
from migration.steps.step_execution import run_step
from tests.support.direct import Direct
from tests.support.orphan_rows import FAMILY, Build, assert_proved, keys, migrate, orphans, quarantined


def test_not_valid_leaves_all_rows_and_pays_for_no_search(direct: Direct, build: Build) -> None:
    run, report = migrate(direct, build(FAMILY), OnOrphan.NOT_VALID, target_schema="o_left")
    assert keys(direct, "o_left") == {"book_author_fkey": False, "page_book_fkey": False}
    assert len(orphans(report)) == 2
    assert_proved(report)
    assert direct.query(
        f"SELECT count(*) FROM convoy.steps WHERE run_id = '{run.id}' AND phase = 'copying' AND chunk_id IS NULL"
    ) == [(0,)]


def test_quarantine_goes_on_until_every_row_has_its_parent(direct: Direct, build: Build) -> None:
    run, report = migrate(direct, build(FAMILY), OnOrphan.QUARANTINE, target_schema="o_out")
    assert keys(direct, "o_out") == {"book_author_fkey": True, "page_book_fkey": True}
    assert direct.query("SELECT id FROM o_out.book ORDER BY 1") == [(1,), (3,)]
    assert direct.query("SELECT id FROM o_out.page ORDER BY 1") == [(10,), (30,)]
    of_author, of_book = "no parent row in author has this key", "no parent row in book has this key"
    assert quarantined(direct, run) == [
        ("book", "[2]", "author", "integer", b"99", of_author),
        ("book", "[4]", "author", "integer", b"98", of_author),
        ("page", "[20]", "book", "integer", b"2", of_book),
        ("page", "[21]", "book", "integer", b"2", of_book),
        ("page", "[40]", "book", "integer", b"77", of_book),
    ]
    assert_proved(report)
    assert [(f.table, f.column) for f in orphans(report)] == [("book", "author"), ("page", "book")]
    assert (
        "2 rows have no parent row in author (id), for example author = 99 in row 2;"
        in orphans(report)[0].message
    )
    assert "they went to the quarantine" in orphans(report)[0].message


def test_set_null_cuts_the_reference_and_counts_it(direct: Direct, build: Build) -> None:
    _, report = migrate(direct, build(FAMILY), OnOrphan.SET_NULL, target_schema="o_null")
    assert report.verdict.headline.startswith("Not proved: ")
    assert {finding.loss for finding in report.findings if finding.kind == "lossy_value"} == {
        "orphan_to_null"
    }
    assert keys(direct, "o_null") == {"book_author_fkey": True, "page_book_fkey": True}
    assert direct.query("SELECT id, author FROM o_null.book ORDER BY 1") == [
        (1, 1),
        (2, None),
        (3, None),
        (4, None),
    ]
    assert direct.query("SELECT id, book FROM o_null.page ORDER BY 1") == [
        (10, 1),
        (20, 2),
        (21, 2),
        (30, 3),
        (40, None),
    ]
    assert_proved(report)
    transforms = {
        (table.name, column.name): [(t.name, t.values) for t in column.transforms]
        for table in report.tables
        for column in table.columns
        if column.transforms
    }
    assert transforms == {
        ("book", "author"): [("orphan_to_null", 2)],
        ("page", "book"): [("orphan_to_null", 1)],
    }
    assert (
        "author = 99 in row 2; author = 98 in row 4: author became NULL in them" in orphans(report)[0].message
    )


@pytest.mark.parametrize(
    ("on_orphan", "fate", "kept_out"),
    [
        (OnOrphan.NOT_VALID, "they would stay, and the constraint would be NOT VALID", 0),
        (OnOrphan.QUARANTINE, "they would go to the quarantine", 5),
        (OnOrphan.SET_NULL, "would become NULL in them", 0),
    ],
)
def test_dry_run_lists_them_and_says_what_would_become_of_them(
    direct: Direct, build: Build, on_orphan: OnOrphan, fate: str, kept_out: int
) -> None:
    run, report = migrate(direct, build(FAMILY), on_orphan, target_schema="o_dry", mode=Mode.DRY_RUN)
    assert [f.table for f in orphans(report)] == ["book", "page"]
    assert all(fate in f.message for f in orphans(report))
    assert report.dry_run is not None
    assert report.dry_run.would_quarantine == kept_out
    assert report.exit_status == 1
    assert len(quarantined(direct, run)) == kept_out


LINKS = """
CREATE TABLE pair (a INT, b TEXT, PRIMARY KEY (a, b));
CREATE TABLE link (x TEXT, y INT, note TEXT, FOREIGN KEY (y, x) REFERENCES pair (a, b));
INSERT INTO pair VALUES (1, 'one'), (2, 'two');
INSERT INTO link VALUES ('one', 1, 'good'), ('two', 1, 'bad'), (NULL, 1, 'null'),
    ('three', NULL, 'null'), ('x', 9, 'bad');
"""


def test_composite_keys_match_whole_and_a_null_in_any_column_needs_no_parent(
    direct: Direct, build: Build
) -> None:
    path = build(LINKS)
    run, report = migrate(direct, path, OnOrphan.QUARANTINE, target_schema="o_pair")
    assert [row[1:5] for row in quarantined(direct, run)] == [
        ("[2]", "x", "text", b"two"),
        ("[2]", "y", "integer", b"1"),
        ("[5]", "x", "text", b"x"),
        ("[5]", "y", "integer", b"9"),
    ]
    assert report.quarantine.total == 2
    assert_proved(report)
    _, report = migrate(direct, path, OnOrphan.SET_NULL, target_schema="o_pair_null")
    assert direct.query("SELECT x, y FROM o_pair_null.link WHERE note = 'bad'") == [(None, None)] * 2
    assert_proved(report)
    assert set(keys(direct, "o_pair").values()) | set(keys(direct, "o_pair_null").values()) == {True}


def test_chain_of_a_table_that_refers_to_itself_goes_whole(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE node (id INTEGER PRIMARY KEY, up INT REFERENCES node (id));"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
        "INSERT INTO node SELECT i, i + 1 FROM n;"
        "INSERT INTO node VALUES (1000, 1000), (1001, 1000), (1002, NULL);"
    )
    run, report = migrate(direct, path, OnOrphan.QUARANTINE, target_schema="o_chain", chunk_rows=50)
    assert direct.query("SELECT id FROM o_chain.node ORDER BY 1") == [(1000,), (1001,), (1002,)]
    assert len(quarantined(direct, run)) == 300
    assert keys(direct, "o_chain") == {"node_up_fkey": True}
    assert_proved(report)


def test_rows_that_hold_each_other_in_a_circle_stay(direct: Direct, build: Build) -> None:
    path = build(
        """CREATE TABLE team (id INTEGER PRIMARY KEY, captain INT REFERENCES player (id), home INT REFERENCES town);
        CREATE TABLE player (id INTEGER PRIMARY KEY, team INT REFERENCES team (id));
        CREATE TABLE town (id INTEGER PRIMARY KEY);
        INSERT INTO town VALUES (1);
        INSERT INTO team VALUES (1, 10, 1), (2, 20, 2), (3, 30, NULL);
        INSERT INTO player VALUES (10, 1), (11, 1), (20, 2), (21, 2), (30, NULL), (31, 3);"""
    )
    _, report = migrate(direct, path, OnOrphan.QUARANTINE, target_schema="o_circle")
    assert direct.query("SELECT id FROM o_circle.team ORDER BY 1") == [(1,), (3,)]
    assert direct.query("SELECT id FROM o_circle.player ORDER BY 1") == [(10,), (11,), (30,), (31,)]
    assert set(keys(direct, "o_circle").values()) == {True}
    assert_proved(report)


STRICT = """
CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE must (id INTEGER PRIMARY KEY, p INT NOT NULL REFERENCES p);
CREATE TABLE named (p INT REFERENCES p, n INT, PRIMARY KEY (p, n)) WITHOUT ROWID;
CREATE TABLE may (id INTEGER PRIMARY KEY, p INT REFERENCES p);
INSERT INTO p VALUES (1); INSERT INTO must VALUES (1, 1), (2, 7); INSERT INTO named VALUES (1, 1), (8, 1);
INSERT INTO may VALUES (1, 9);
"""


def test_set_null_is_refused_key_by_key_and_the_finding_says_why(direct: Direct, build: Build) -> None:
    path = build(STRICT)
    _, report = migrate(direct, path, OnOrphan.SET_NULL, target_schema="o_strict")
    assert keys(direct, "o_strict") == {"must_p_fkey": False, "named_p_fkey": False, "may_p_fkey": True}
    said = {f.table: f.message for f in orphans(report)}
    assert (
        "NOT VALID: it holds for new rows only; set-null is not possible here: p is NOT NULL" in said["must"]
    )
    assert "set-null is not possible here: p is part of the primary key" in said["named"]
    assert len(orphans(report)) == 3
    assert_proved(report)
    _, trial = migrate(direct, path, OnOrphan.SET_NULL, target_schema="o_strict_dry", mode=Mode.DRY_RUN)
    assert (
        "set-null is not possible here: p is NOT NULL" in {f.table: f.message for f in orphans(trial)}["must"]
    )


def test_rows_without_rowid_are_found_by_their_primary_key(direct: Direct, build: Build) -> None:
    run, report = migrate(direct, build(STRICT), OnOrphan.QUARANTINE, target_schema="o_named")
    assert ("named", '["8", "1"]', "p", "integer", b"8", "no parent row in p has this key") in quarantined(
        direct, run
    )
    assert set(keys(direct, "o_named").values()) == {True}
    assert_proved(report)


def test_mapping_file_says_it_for_one_table(direct: Direct, build: Build) -> None:
    mapping = parse_mapping('[tables.BOOK]\non_orphan = "set-null"\n', "m.toml")
    run, report = migrate(direct, build(FAMILY), OnOrphan.QUARANTINE, mapping=mapping, target_schema="o_each")
    assert direct.query("SELECT id, author FROM o_each.book ORDER BY 1") == [
        (1, 1),
        (2, None),
        (3, None),
        (4, None),
    ]
    assert [row[:2] for row in quarantined(direct, run)] == [("page", "[40]")]
    assert set(keys(direct, "o_each").values()) == {True}
    assert_proved(report)


def test_values_are_compared_as_postgresql_will(direct: Direct, build: Build) -> None:
    path = build(
        """CREATE TABLE big (id NUMERIC PRIMARY KEY); CREATE TABLE day (d DATE UNIQUE);
        CREATE TABLE name (n TEXT PRIMARY KEY COLLATE NOCASE);
        CREATE TABLE t (id INTEGER PRIMARY KEY, big INT REFERENCES big, d DATE REFERENCES day (d),
            n TEXT REFERENCES name);
        INSERT INTO big VALUES (5), (1.5), (100000000000000000000); INSERT INTO day VALUES ('2024-01-02');
        INSERT INTO name VALUES ('Ann');
        INSERT INTO t VALUES (1, 5, '2024-1-2', 'Ann'), (2, NULL, '2024-01-02 00:00:00', 'ANN'), (3, 6, NULL, NULL);"""
    )
    run, report = migrate(direct, path, OnOrphan.QUARANTINE, target_schema="o_values")
    assert [row[1:3] for row in quarantined(direct, run)] == [("[2]", "n"), ("[3]", "big")]
    assert all(valid for name, valid in keys(direct, "o_values").items())
    assert_proved(report)


def test_row_in_quarantine_for_its_own_sake_is_no_parent(direct: Direct, build: Build) -> None:
    path = build(
        """CREATE TABLE a (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a);
        INSERT INTO a VALUES (1, 'good'), (2, CAST(x'ff' AS TEXT)); INSERT INTO b VALUES (1, 1), (2, 2);"""
    )
    run, report = migrate(
        direct, path, OnOrphan.QUARANTINE, target_schema="o_bad", on_error=OnError.QUARANTINE
    )
    assert [row[:3] for row in quarantined(direct, run)] == [("a", "[2]", "name"), ("b", "[2]", "a")]
    assert keys(direct, "o_bad") == {"b_a_fkey": True}
    assert_proved(report)


def test_key_that_postgresql_cannot_have_touches_no_row(direct: Direct, build: Build) -> None:
    path = build(
        """CREATE TABLE t (id INTEGER PRIMARY KEY, gone INT REFERENCES nowhere (id), loose INT REFERENCES u (v));
        CREATE TABLE u (id INTEGER PRIMARY KEY, v INT); INSERT INTO u VALUES (1, 1); INSERT INTO t VALUES (1, 5, 6);"""
    )
    run, report = migrate(direct, path, OnOrphan.QUARANTINE, target_schema="o_nowhere")
    assert direct.query("SELECT * FROM o_nowhere.t") == [(1, 5, 6)]
    assert quarantined(direct, run) == []
    reasons = {item.name: item.reason for item in report.objects if item.kind == "foreign key"}
    assert reasons == {
        "t_gone_fkey": "the parent table nowhere is not migrated",
        "t_loose_fkey": "v is not unique in u",
    }


def test_abort_on_errors_does_not_mean_orphans(direct: Direct, build: Build) -> None:
    run, _ = migrate(
        direct, build(FAMILY), OnOrphan.QUARANTINE, target_schema="o_abort", on_error=OnError.ABORT
    )
    assert len(quarantined(direct, run)) == 5


@pytest.mark.parametrize("choice", [OnOrphan.QUARANTINE, OnOrphan.SET_NULL])
def test_rows_that_differ_are_named_and_orphans_are_not_among_them(
    direct: Direct, build: Build, choice: OnOrphan
) -> None:
    run = direct.start(build(FAMILY), until=Phase.VALIDATING, target_schema="o_differ", on_orphan=choice)
    direct.forge(run, "book", "UPDATE {t} SET title = 'other' WHERE id = 3")
    run = direct.finish(run.id)
    assert run.phase is Phase.FAILED
    report = build_report(direct.ledger, run.id)
    named = [f for f in report.findings if f.kind in {"missing_row", "extra_row", "differing_row"}]
    assert [(f.kind, f.table, f.column, f.key) for f in named] == [
        ("differing_row", "book", "title", "id = 3")
    ]


@pytest.mark.parametrize(
    ("choice", "kind", "rows"),
    [(OnOrphan.QUARANTINE, "missing_row", 5), (OnOrphan.SET_NULL, "differing_row", 3)],
)
def test_later_comparison_with_the_whole_source_names_them(
    direct: Direct, build: Build, choice: OnOrphan, kind: str, rows: int
) -> None:
    path = build(FAMILY)
    migrate(direct, path, choice, target_schema=f"o_later_{choice}")
    run = direct.migrate(path, mode=Mode.VALIDATE, target_schema=f"o_later_{choice}")
    found = [f.kind for f in build_report(direct.ledger, run.id).findings if f.kind.endswith("_row")]
    assert found == [kind] * rows


def test_step_that_is_done_again_finds_the_same(direct: Direct, build: Build) -> None:
    run = direct.start(
        build(FAMILY), until=Phase.COPYING, target_schema="o_again", on_orphan=OnOrphan.QUARANTINE
    )
    again = f"UPDATE convoy.steps SET state = 'pending' WHERE run_id = '{run.id}' AND chunk_id IS NULL RETURNING id"
    ((step,),) = direct.query(
        f"SELECT id FROM convoy.steps WHERE run_id = '{run.id}' AND phase = 'copying' AND stage = 1"
    )
    assert run_step(direct.context, step)
    marked = (
        f"SELECT orphans FROM convoy.chunks WHERE run_id = '{run.id}' AND orphans IS NOT NULL ORDER BY id"
    )
    found = direct.query(marked)
    assert len(found) == 2
    direct.query(f"DELETE FROM convoy.findings WHERE run_id = '{run.id}'")
    direct.query(again)
    assert run_step(direct.context, step)
    assert direct.query(marked) == found
    assert direct.finish(run.id).phase is Phase.COMPLETED_WITH_FINDINGS
