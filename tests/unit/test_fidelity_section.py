"""The section that `make mutations` writes says what was missed and where wolf was cried; the page has it once."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.mutations.fidelity_section import Result, Results, section, write
from tests.acceptance.mutations.mutation import Found, Judgement, Mutation, Way, strays
from tests.acceptance.other_hands.hand_results import HandResult

ROW = Mutation("text", "cut", "", "", ("id = 3",), shared_table="text_0")
SCHEMA = Mutation("view", "missing", "", "", words=("__view",))


def test_section_says_what_was_missed(tmp_path: Path) -> None:
    page = tmp_path / "fidelity.md"
    page.write_text("# Fidelity\n", encoding="utf-8")
    missed = Result(ROW, {Way.READ_ONLY: "no row with id = 3 is named"})
    results = Results([missed, Result(SCHEMA)], ["ledger, untouched: status 1"], [HandResult("DuckDB", 11)])
    assert not results.is_perfect
    for _ in range(2):
        write(page, section(results))
    text = page.read_text(encoding="utf-8")
    assert text.count("| text |") == 1
    assert "| text |  |  | cut (read-only) |" in text
    assert "| view | missing |  |  |" in text
    assert "*wolf*: ledger, untouched: status 1" in text
    assert "| DuckDB | 11 | 11 | 0 | 0 | 0 |" in text
    assert Results([Result(ROW), Result(SCHEMA)], [], [HandResult("DuckDB", 11)]).is_perfect


def test_row_is_told_by_its_whole_key_alone() -> None:
    near = Judgement(Way.LEDGER, 1, (Found("differing_row", "text_0", "v is ...", "v", "id = 33"),))
    assert near.complaints(ROW)
    assert strays(near, [ROW, SCHEMA])
    exact = Judgement(Way.LEDGER, 1, (Found("differing_row", "text_0", "v is ...", "v", "id = 3"),))
    assert (exact.complaints(ROW), strays(exact, [ROW, SCHEMA])) == ([], [])


def test_finding_of_an_object_belongs_to_the_mutation_that_it_is_named_for() -> None:
    found = Found("view", "view_missing__view", "is not there")
    judgement = Judgement(Way.LEDGER, 1, (found,))
    assert (judgement.complaints(SCHEMA), strays(judgement, [ROW, SCHEMA])) == ([], [])
    rows = Judgement(Way.LEDGER, 1, (found, Found("row_count", "view_missing", "2 rows", "", "")))
    assert rows.complaints(SCHEMA) == ["rows are called different: row_count view_missing   2 rows"]
