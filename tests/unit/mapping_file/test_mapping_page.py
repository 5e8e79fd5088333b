"""docs/mapping.md says what the code does, all of it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.column_types.declared_type import read_declared
from migration.mapping_file import mapping_file_reader
from migration.mapping_file.loss_signatures import SKIPPED_KINDS
from migration.mapping_file_model import OnOrphan
from migration.value_conversion.named_losses import LOSSES, OFFSET_TO_UTC, ORPHAN_TO_NULL, TRANSFORM_LOSSES
from migration.value_conversion.orphan_row_policy import orphan_reason
from migration.value_conversion.rules import RULES
from migration.value_conversion.text_normalisation import NUL_REPLACED, NUL_STRIPPED, TRANSFORM_NAMES
from tests.support.planning import planned_with

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
TYPES = re.findall(r"\| `([A-Z][^`]*)` \| `([a-z][^`]*)` ", PAGE.split("## Widening", maxsplit=1)[0])


@pytest.mark.parametrize(("declared", "target_type"), TYPES)
def test_type_table_is_what_the_code_does(declared: str, target_type: str) -> None:
    assert read_declared(declared).target_type == target_type


def test_type_table_was_found() -> None:
    assert len(TYPES) >= 36


@pytest.mark.parametrize("name", [name for name in RULES if not name.endswith("_or_null")])
def test_every_rule_is_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_every_transform_is_on_the_page_and_marked_if_lossy() -> None:
    table = PAGE.split("## Transforms", maxsplit=1)[1].split("## Losses", maxsplit=1)[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    for rule in RULES.values():
        if rule.transform is not None:
            (row,) = [line for line in rows if f"`{rule.transform}`" in line.split("|")[1]]
            assert ("lossy" in row) == rule.lossy, rule.name


def test_every_loss_is_on_the_page_with_what_it_means() -> None:
    section = PAGE.split("## Losses", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
    for name, meaning in LOSSES.items():
        assert f"| `{name}` | {meaning} |" in section
    assert all(f"`{kind}`" in section for kind in SKIPPED_KINDS)


def test_every_loss_of_a_rule_has_a_name_and_stands_beside_its_transform() -> None:
    table = PAGE.split("## Transforms", maxsplit=1)[1].split("## Losses", maxsplit=1)[0]
    for rule in RULES.values():
        assert {loss.name for loss in rule.losses} - {OFFSET_TO_UTC} <= LOSSES.keys()
        assert not rule.lossy or rule.transform in LOSSES
    for transform, losses in TRANSFORM_LOSSES.items():
        (row,) = [
            line
            for line in table.splitlines()
            if f"`{transform}`" in line.partition("|")[2].partition("|")[0]
        ]
        assert all(f"`{loss}`" in row for loss in losses)


def test_every_reason_for_quarantine_is_on_the_page() -> None:
    sources = [
        *(ROOT / "migration" / "value_conversion" / "rules").glob("*.py"),
        ROOT / "migration/value_conversion/row_conversion.py",
    ]
    source = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    reasons = re.findall(r'(?:Misfit\(|_REASON = )f?"([^"]+)"', source)
    assert len(reasons) > 25
    for reason in reasons:
        words = re.sub(r"\{[^}]*\}(,\{[^}]*\})?", "…", reason).removesuffix(": …")
        assert words in PAGE, reason


def test_orphan_rows_are_on_the_page() -> None:
    assert orphan_reason("…") in PAGE
    row, _ = [
        line for line in PAGE.splitlines() if line.startswith(f"| `{ORPHAN_TO_NULL}` |")
    ]  # then the loss
    assert "lossy" in row
    section = PAGE.split("## Orphan rows", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]
    assert all(re.search(rf"^\| `{choice}`", section, re.MULTILINE) for choice in OnOrphan)


EXAMPLE = PAGE.split("```toml\n", maxsplit=1)[1].split("```", maxsplit=1)[0]
SHOP = """
CREATE TABLE orders (number INTEGER, Customer INTEGER, status TEXT, placed INTEGER, shipped TEXT, paid TEXT,
    price, remark TEXT, card_number TEXT);
INSERT INTO orders VALUES (1, 7, ' Open', 1700000000000, '2024-07-01 12:00', 'yes', 12.5, 'x' || char(0), '4111');
CREATE TABLE schema_version (v);
CREATE TABLE customer (name TEXT);
"""


def test_example_of_a_mapping_file_works(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SHOP)
    (sale, customer) = planned_with(path, EXAMPLE).tables
    assert {column.target_name: column.target_type for column in sale.columns} == {
        "number": "bigint",
        "customer_id": "integer",
        "status": "text",
        "placed": "timestamp with time zone",
        "shipped": "timestamp with time zone",
        "paid": "boolean",
        "price": "numeric(10,2)",
        "remark": "text",
    }
    assert (sale.target_name, sale.key, customer.target_name) == ("sale", ("number",), "customer")


@pytest.mark.parametrize("option", sorted(mapping_file_reader._COLUMN_OPTIONS))
def test_every_option_of_a_column_is_explained_and_in_the_example(option: str) -> None:
    assert f"| `{option}` |" in PAGE.split("| Of a column | |", maxsplit=1)[1]
    assert re.search(rf"\b{option} = ", EXAMPLE)


@pytest.mark.parametrize("option", mapping_file_reader.TABLE_OPTIONS)
def test_every_option_of_a_table_is_explained(option: str) -> None:
    table = PAGE.split("| Of a table | |", maxsplit=1)[1].split("| Of a column | |", maxsplit=1)[0]
    assert f"| `{option}` |" in table


@pytest.mark.parametrize("name", [*TRANSFORM_NAMES.values(), NUL_STRIPPED, NUL_REPLACED])
def test_every_normalisation_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE.split("| Transform of a mapping file", maxsplit=1)[1]
