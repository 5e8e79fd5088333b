"""How tables are named: with the label of their source where there are several."""

from __future__ import annotations

import pytest

from migration.errors import RejectedValueError, UsageError
from migration.model import Finding, FindingKind, Source
from migration.run_options import RunOptions
from migration.source_table_names import TableNames, errors_of_source

SEVERAL = RunOptions(sources=(Source("north", "n.db"), Source("south", "s.db"))).table_names
ONE = RunOptions(sources=(Source("north", "n.db"),)).table_names


@pytest.mark.parametrize(
    ("finding", "alone", "among_others"),
    [
        (Finding(FindingKind.LOSSY_VALUE, "users", "", "name"), "users.name", "north.users.name"),
        (Finding(FindingKind.SEQUENCE, "users", ""), "users", "north.users"),
        (Finding(FindingKind.SCHEMA_NOT_COMPARED, "", ""), "", "north"),
        (Finding(FindingKind.SKIPPED_OBJECT, "north", "trigger t"), "north", "north"),
        (Finding(FindingKind.MISSING_TABLE, "north", ""), "north", "north.north"),
    ],
)
def test_a_place_has_its_source_among_others(finding: Finding, alone: str, among_others: str) -> None:
    assert ONE.place(finding.of("north")) == alone
    assert SEVERAL.place(finding.of("north")) == among_others


def test_what_belongs_to_no_source_is_named_as_it_is() -> None:
    finding = Finding(FindingKind.EXTRA_TABLE, "leftover", "")
    assert SEVERAL.place(finding) == "leftover"
    assert (SEVERAL.owned("i", "north.users"), ONE.owned("i", "users")) == ("i (north.users)", "i")
    assert TableNames.among([]) == TableNames.among(["a", "a"]) == ONE


def test_errors_of_a_table_get_its_source_and_keep_one_that_they_have() -> None:
    with pytest.raises(RejectedValueError, match=r"\(source north, table users\)"), errors_of_source("north"):
        raise RejectedValueError("A value cannot be stored", table="users")
    with pytest.raises(RejectedValueError, match=r"source south"), errors_of_source("north"):
        raise RejectedValueError("A value cannot be stored", source="south", table="users")
    with pytest.raises(UsageError) as of_no_table, errors_of_source("north"):
        raise UsageError("There is no such file")
    assert "source" not in of_no_table.value.place
    with pytest.raises(RejectedValueError) as alone, errors_of_source(""):
        raise RejectedValueError("A value cannot be stored", table="users")
    assert "source" not in alone.value.place
