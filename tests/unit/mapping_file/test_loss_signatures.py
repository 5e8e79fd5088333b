"""Who signs for what: entries of --accept, and what a mapping file asks for."""

from __future__ import annotations

import pytest

from migration.errors import UnknownLossError
from migration.mapping_file.loss_signatures import (
    SKIPPED_KINDS,
    check_signatures,
    loss_finding,
    read_signature,
    signed,
    skipped_finding,
)
from migration.mapping_file_model import ColumnOverride, MappingFile, NulPolicy
from migration.model import Finding, FindingKind
from migration.run_options import RunOptions
from migration.source_schema import SourceColumn, SourceSchema, SourceTable, TableKind

SOURCE = (
    "shop",
    SourceSchema((SourceTable("Customer", TableKind.ORDINARY, (SourceColumn("Zip", "TEXT", 0),)),)),
)
RESPELLED = loss_finding("shop", "Customer", "Zip", "number_respelled", 2, ["1", "2"])


@pytest.mark.parametrize(
    ("entry", "covers"),
    [
        ("number_respelled", True),
        ("text_to_number", True),  # the transform that loses it
        ("NUMBER_RESPELLED", True),
        ("customer.zip:number_respelled", True),
        ("Customer.Name:number_respelled", False),
        ("SHOP.customer.zip:number_respelled", True),
        ("other.Customer.Zip:number_respelled", False),
        ("shop.Zip:number_respelled", False),
        ("nul_stripped", False),
        ("skipped:view", False),
    ],
)
def test_entry_covers_a_loss(entry: str, covers: bool) -> None:
    options = RunOptions(accept=(entry,), accepted_by="ann@desk")
    assert signed(RESPELLED, options).accepted_by == ("ann@desk" if covers else "")


@pytest.mark.parametrize("kind", SKIPPED_KINDS)
def test_objects_are_signed_for_by_their_kind(kind: str) -> None:
    finding = skipped_finding(kind, "x", "t", "no equal")
    assert finding.kind is FindingKind.SKIPPED_OBJECT
    assert "did not come along" in finding.message
    hyphens = RunOptions(accept=(f"skipped:{kind.replace(' ', '-')}",), accepted_by="ann")
    assert signed(finding, hyphens).accepted_by == "ann"
    others = tuple(f"skipped:{other}" for other in SKIPPED_KINDS if other != kind)
    assert not signed(finding, RunOptions(accept=others, accepted_by="ann")).accepted_by


@pytest.mark.parametrize(
    ("entry", "names"),
    [
        ("number_respeled", "Did you mean number_respelled? There are: ambiguous_hour"),
        ("blank_padded", "There are: ambiguous_hour"),  # it can be had back: there is nothing to sign for
        ("skipped:triggers", "Did you mean trigger? There are: check"),
        ("Customer.Zip:", "There are: ambiguous_hour"),
        ("", "There are:"),
        (":nul_stripped", "TABLE.COLUMN:LOSS"),
    ],
)
def test_unknown_name_is_refused_with_the_list_of_names(entry: str, names: str) -> None:
    with pytest.raises(UnknownLossError) as caught:
        read_signature(entry)
    assert names in caught.value.remedy
    assert caught.value.exit_status == 2


def test_unknown_column_is_refused_with_the_columns_that_there_are() -> None:
    accepted = ("CUSTOMER.ZIP:nul_stripped", "shop.customer.zip:nul_stripped", "skipped:view")
    check_signatures([SOURCE], RunOptions(accept=accepted))
    with pytest.raises(UnknownLossError, match=r"no column|Customer\.Zip"):
        check_signatures([SOURCE], RunOptions(accept=("Customer.Zap:nul_stripped",)))
    with pytest.raises(UnknownLossError, match=r"Did you mean shop\.Customer\.Zip"):
        check_signatures([SOURCE], RunOptions(accept=("shop.Customer.Zap:nul_stripped",)))
    with pytest.raises(UnknownLossError, match=r"No source has a column other\.Customer\.Zip"):
        check_signatures([SOURCE], RunOptions(accept=("other.Customer.Zip:nul_stripped",)))


@pytest.mark.parametrize(
    ("loss", "asked", "by_file"),
    [
        ("nul_stripped", ColumnOverride("Zip", nul=NulPolicy.STRIP), True),
        ("nul_stripped", ColumnOverride("Zip", rules=(("text", "text_strip_nul"),)), True),
        ("empty_to_null", ColumnOverride("Zip", rules=(("text", "text_to_int32_or_null"),)), True),
        ("number_respelled", ColumnOverride("Zip", rules=(("text", "text_to_int32"),)), False),
        ("negative_zero_to_zero", ColumnOverride("Zip", rules=(("real", "real_to_numeric"),)), False),
        ("rounded_to_real", ColumnOverride("Zip", type="real"), False),
        ("nul_stripped", None, False),
    ],
)
def test_mapping_file_signs_for_what_it_says(loss: str, asked: ColumnOverride | None, by_file: bool) -> None:
    finding = loss_finding("shop", "Customer", "Zip", loss, 1)
    options = RunOptions(mapping=MappingFile("shop.toml", ()))
    assert signed(finding, options, asked).accepted_by == ("the mapping file shop.toml" if by_file else "")


def test_what_is_no_loss_cannot_be_signed_for() -> None:
    missing = Finding(FindingKind.MISSING_ROW, "Customer", "Row not in the target")
    options = RunOptions(accept=("nul_stripped", "skipped:view"), accepted_by="ann")
    assert signed(missing, options) is missing
