"""Tells whether the default of a mapping that came over the network keeps to its row.

PostgreSQL computes a default with the rights of the role that inserts: `pg_read_file('/etc/passwd')` reads a file of
the server, `pg_sleep(60)` holds every insert. So only functions of a closed list may be called.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from migration.errors import MappingFileError
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from migration.mapping_file_model import MappingFile

_FUNCTIONS: Final = frozenset(
    [
        "array_append",
        "array_cat",
        "array_prepend",
        "clock_timestamp",
        "coalesce",
        "concat",
        "current_date",
        "current_time",
        "current_timestamp",
        "date_part",
        "date_trunc",
        "extract",
        "gen_random_uuid",
        "json_build_array",
        "json_build_object",
        "jsonb_build_array",
        "jsonb_build_object",
        "localtime",
        "localtimestamp",
        "lower",
        "md5",
        "nextval",
        "now",
        "nullif",
        "random",
        "statement_timestamp",
        "to_char",
        "to_date",
        "to_hex",
        "to_json",
        "to_jsonb",
        "to_number",
        "to_timestamp",
        "transaction_timestamp",
        "trim",
        "upper",
        "uuid_generate_v1",
        "uuid_generate_v4",
        "uuidv4",
        "uuidv7",
    ]
)
_TYPES: Final = frozenset(
    [
        "bit",
        "bpchar",
        "char",
        "character",
        "dec",
        "decimal",
        "float",
        "interval",
        "numeric",
        "time",
        "timestamp",
        "timestamptz",
        "timetz",
        "varbit",
        "varchar",
        "varying",
    ]
)
_WORDS: Final = frozenset(
    [
        "all",
        "and",
        "any",
        "array",
        "between",
        "case",
        "cast",
        "else",
        "from",
        "in",
        "is",
        "like",
        "not",
        "or",
        "row",
        "some",
        "then",
        "when",
    ]
)
_MAY_STAND_BEFORE_PARENTHESIS: Final = _FUNCTIONS | _TYPES | _WORDS
_SUBQUERIES: Final = frozenset({"select", "table", "values", "with"})

# https://www.postgresql.org/docs/current/sql-syntax-lexical.html: what is none of these stands alone.
_TOKEN: Final = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")|(?P<word>[^\W\d][\w$]*)"""
    r"""|(?P<number>\d*\.?\d+(?:[eE][+-]?\d+)?)|(?P<other>\S)"""
)


def check_stranger_defaults(mapping: MappingFile) -> None:
    """Make sure that every default is made of constants, casts, operators and functions of a closed list.

    Raises:
        MappingFileError: one is not; names the function, the table and the column.
    """
    for table in mapping.tables:
        for column in table.columns:
            reason = refusal(column.default or "")
            if reason:
                raise MappingFileError(
                    f"default {reason}",
                    remedy="Set it with ALTER TABLE after the migration, or start the run on the command line",
                    mapping=mapping.name,
                    source=table.source or "",
                    table=table.table,
                    column=column.column,
                )


def refusal(sql: str) -> str:
    """Return why an expression of PostgreSQL may not be a stranger's default; empty where it may.

    >>> refusal("lower('A (b)') || now()::varchar(20)"), refusal("pg_sleep(60)::text")
    ('', 'calls pg_sleep, which is not among the functions that the API takes')
    """
    before = ("", "")
    for match in _TOKEN.finditer(sql):
        kind, text = match.lastgroup or "", match.group()
        reason = _reason(before, kind, text)
        if reason:
            return reason
        before = (kind, text)
    return ""


def _reason(before: tuple[str, str], kind: str, text: str) -> str:
    kind_before, text_before = before
    if text in {"$", "'", '"'} or (kind == "text" and folded(text_before) == "e"):
        return "holds a constant of the form E'...' or $$...$$; write it as '...'"
    if kind == "word" and folded(text) in _SUBQUERIES:
        return f"holds a subquery ({text.upper()})"
    if text == "." and kind_before not in {"word", "quoted"}:
        return "takes a field of a value, which is a way to call any function"
    if text == "(" and kind_before in {"word", "quoted"}:
        name = folded(text_before) if kind_before == "word" else text_before[1:-1]
        if name not in _MAY_STAND_BEFORE_PARENTHESIS:
            return f"calls {name}, which is not among the functions that the API takes"
    return ""
