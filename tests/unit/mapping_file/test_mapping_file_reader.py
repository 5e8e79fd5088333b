from __future__ import annotations

import os
from pathlib import Path

import pytest

from migration.errors import UsageError
from migration.ledger.json_encoding import from_json, to_json
from migration.mapping_file.default_expression_check import is_expression
from migration.mapping_file.mapping_file_allowed_types import UnusableTypeError, check_type
from migration.mapping_file.mapping_file_reader import load_mapping, parse_mapping, read_mapping
from migration.mapping_file_model import (
    ColumnOverride,
    EpochUnit,
    MappingFile,
    Normalisation,
    NulPolicy,
    TableOverride,
)
from migration.run_options import RunOptions
from migration.schema_translation import column_defaults


def column(options: str) -> ColumnOverride:
    return parse_mapping(f"[tables.t.columns.c]\n{options}", "m.toml").tables[0].columns[0]


READ = [
    ('rename = "d"', ColumnOverride("c", rename="d")),
    ('type = "VARCHAR(40)"', ColumnOverride("c", type="varchar(40)")),
    ('rules = { text = "text_to_date" }', ColumnOverride("c", rules=(("text", "text_to_date"),))),
    (
        'type = "date"\nrules.integer = "quarantine"',
        ColumnOverride("c", type="date", rules=(("integer", "quarantine"),)),
    ),
    ('default = "now()"', ColumnOverride("c", default="now()")),
    ('default = ""', ColumnOverride("c", default="")),
    ("skip = true", ColumnOverride("c", skip=True)),
    ('nul = "strip"', ColumnOverride("c", nul=NulPolicy.STRIP)),
    ('nul = "quarantine"', ColumnOverride("c", nul=NulPolicy.QUARANTINE)),
    ('nul = { replace = "?" }', ColumnOverride("c", nul=NulPolicy.REPLACE, nul_replacement="?")),
    (
        'normalise = ["empty_to_null", "nfc", "trim"]',
        ColumnOverride("c", normalise=(Normalisation.NFC, Normalisation.TRIM, Normalisation.EMPTY_TO_NULL)),
    ),
    ('expression = "c + 1"', ColumnOverride("c", expression="c + 1")),
    ('epoch = "ms"', ColumnOverride("c", epoch=EpochUnit.MILLISECONDS)),
    ('timezone = "Europe/Berlin"', ColumnOverride("c", timezone="Europe/Berlin")),
]


@pytest.mark.parametrize(("options", "expected"), READ)
def test_every_option_of_a_column_is_read(options: str, expected: ColumnOverride) -> None:
    assert column(options) == expected


def test_tables_of_all_sources_and_of_one() -> None:
    text = """
    tables.a = { rename = "b", key = ["x", "y"] }
    sources.shop.tables.a.skip = true
    """
    assert parse_mapping(text, "m.toml") == MappingFile(
        "m.toml",
        (TableOverride("a", rename="b", key=("x", "y")), TableOverride("a", source="shop", skip=True)),
    )


def test_options_of_a_run_with_a_mapping_survive_the_ledger() -> None:
    text = "\n".join(f"[tables.t.columns.c{n}]\n{options}" for n, (options, _) in enumerate(READ))
    options = RunOptions(mapping=parse_mapping(text, "m.toml"))
    assert from_json(RunOptions, to_json(options)) == options


REFUSED = [
    ('renam = "x"', "There is no option renam (m.toml, table t, column c). Did you mean rename."),
    (
        'type = "intger"',
        "no way to fill a column of type 'intger' (m.toml, table t, column c). Did you mean integer.",
    ),
    ('type = "int[]"', "no way to fill"),
    ('type = "timestamp(3)"', "timestamp(3) rounds"),
    ('type = "Timestamp(3) with time zone"', "timestamp(3) with time zone rounds"),
    ('type = "varchar(0)"', "varchar(0) is no type"),
    ('type = "numeric(3,1001)"', "is no type"),
    ('type = "text(3)"', "is no type"),
    ("type = 5", "type must be a text, not 5"),
    ('rules = { text = "text_to_dat" }', "Did you mean text_to_date."),
    ('rules = { text = "integer_to_text" }', "is no rule for values of class text"),
    ('rules = { string = "text_to_text" }', "There is no option string"),
    ('type = "date"\nrules = { text = "text_to_int32" }', "The rule text_to_int32 gives no date"),
    ('type = "char(3)"\nrules = { text = "text_to_text" }', "gives no char(3) (m.toml, table t, column c)"),
    ('type = "text"\nrules = { text = "text_to_char" }', "gives no text"),
    ('rules = { text = "text_to_text", integer = "integer_to_int32" }', "different kinds: int32, text"),
    ('rules = { text = "quarantine" }', "leave the type open"),
    ('nul = "drop"', "nul does not know 'drop'"),
    ('nul = "replace"', "nul = replace needs a text"),
    ('nul = { replace = "\\u0000" }', "needs a text without NUL"),
    (
        'normalise = ["trimm"]',
        "normalise does not know 'trimm' (m.toml, table t, column c). Did you mean trim.",
    ),
    ('normalise = "trim"', "must be a list of texts"),
    ('expression = " "', "not an empty text"),
    ('epoch = "minutes"', "epoch does not know 'minutes'"),
    ('epoch = "s"\ntype = "integer"', "epoch = 's' gives no integer"),
    ('epoch = "julian"\ntype = "date"', "epoch = 'julian' gives no date"),
    ('timezone = "Europe/Berlni"', "Did you mean Europe/Berlin."),
    ('default = "1; DROP TABLE t"', "default must be one expression"),
    ('default = "fresh apples"', "default must be one expression"),
    ("skip = 1", "skip must be true or false"),
    ('rename = ""', "rename must be a name of 1 to 63 bytes"),
    (f'rename = "{"x" * 64}"', "rename must be a name of 1 to 63 bytes"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_what_cannot_be_is_refused_with_its_place(options: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        column(options)
    assert message in str(refused.value)
    assert "m.toml, table t, column c" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table.x.skip = true", "There is no option table (m.toml). Did you mean tables."),
        ("tables.t.colums = {}", "There is no option colums (m.toml, table t). Did you mean columns."),
        ("tables.t.columns = 3", "columns must be a table of options, not 3 (m.toml, table t)"),
        ("[tables.t]\n[tables.T]", "The table T stands there twice"),
        ("tables.t.columns = { a = {}, A = {} }", "The column a stands there twice"),
        ("tables = ", "is no TOML"),
    ],
)
def test_file_of_another_form_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_mapping(text, "m.toml")
    assert message in str(refused.value)


def test_same_shape_as_json_is_read_the_same() -> None:
    document = {"tables": {"t": {"columns": {"c": {"normalise": ["trim"]}}}}}
    text = 'tables.t.columns.c.normalise = ["trim"]'
    assert read_mapping(document, "m") == parse_mapping(text, "m")


def test_file_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_mapping(tmp_path / "nowhere.toml")
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        load_mapping(odd)
    assert UsageError.exit_status == 2


def test_pipe_device_folder_and_endless_file_are_refused_without_a_wait(tmp_path: Path) -> None:
    pipe, large = tmp_path / "pipe", tmp_path / "large.toml"
    os.mkfifo(pipe)
    with large.open("wb") as file:
        file.truncate(1 << 40)
    for path in (pipe, large, Path("/dev/zero")):
        with pytest.raises(UsageError, match="no regular file of 16777216 bytes at most"):
            load_mapping(path)
    with pytest.raises(UsageError, match="Is a directory"):
        load_mapping(tmp_path)
    link = tmp_path / "link.toml"
    (tmp_path / "real.toml").write_text('tables.t.rename = "u"')
    link.symlink_to("real.toml")
    assert load_mapping(link).tables[0].rename == "u"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("INT", "int"),
        ("Double  Precision", "double precision"),
        ("decimal( 10 , 2 )", "decimal(10,2)"),
        ("numeric(8)", "numeric(8,0)"),
        ("char", "char(1)"),
        ("character varying(3)", "character varying(3)"),
        ("timestamp with time zone", "timestamp with time zone"),
        ("bpchar", None),
        ("varchar(x)", None),
        ("time(0)", None),
        ("serial", None),
    ],
)
def test_types_that_a_file_may_name(given: str, written: str | None) -> None:
    if written is not None:
        assert check_type(given) == written
        return
    with pytest.raises(UnusableTypeError):
        check_type(given)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("now()", True),
        ("('a' || 'b')::text", True),
        ("'it''s; fine -- really'", True),
        ("U&'a\\007B'", True),
        ("-1.5", True),
        ("1, evil int", False),
        ("1) , (2", False),
        ("1 CHECK (true)", False),
        ("1 REFERENCES t", False),
        ("1 -- x", False),
        ("1 /* x */", False),
        ("5 FROM t", False),
        ("1 alias", False),
        ("*", False),
        ("", False),
    ],
)
def test_default_is_one_expression(sql: str, expected: bool) -> None:
    assert is_expression(sql) is expected


def test_defaults_that_convoy_translates_are_expressions() -> None:
    written = {sql for by_kind in column_defaults._EXPRESSIONS.values() for sql in by_kind.values()}
    assert len(written) > 10
    assert [sql for sql in written if not is_expression(sql)] == []
