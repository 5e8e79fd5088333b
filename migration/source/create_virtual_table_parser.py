"""What only the text of CREATE VIRTUAL TABLE tells: the module, its columns and its options.

Each module reads its arguments as it likes. The rules here are those of SQLite's own modules:
https://www.sqlite.org/fts5.html#fts5_table_creation_and_initialization, https://www.sqlite.org/fts3.html#fts4_options,
https://www.sqlite.org/rtree.html#creating_an_r_tree_index and https://www.sqlite.org/geopoly.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from migration.source.sqlite_syntax import closing, split_at_commas, text_of, tokenize
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.source.sqlite_syntax import Token

FULL_TEXT: Final = frozenset({"fts3", "fts4", "fts5"})
R_TREES: Final = frozenset({"rtree", "rtree_i32"})
_QUOTES: Final = frozenset("\"'`[")
_FTS5_OPTIONS: Final = (
    "prefix",
    "tokenize",
    "content",
    "contentless_delete",
    "contentless_unindexed",
    "content_rowid",
    "columnsize",
    "locale",
    "detail",
    "tokendata",
)


@dataclass(slots=True)
class VirtualText:
    """What the text says of one virtual table. `columns` and `options` are known for SQLite's own modules only.

    The keys of `options` are in lower case and complete (FTS5 takes `cont` for `content`), the values without quotes.
    """

    module: str = ""
    columns: list[str] = field(default_factory=list)
    unindexed: set[str] = field(default_factory=set)
    """Of the columns of a full-text table: those that it does not search, in lower case."""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> str | None:
        """Where a full-text table has its texts: another table, '' for nowhere, None for a table of its own."""
        return self.options.get("content")


def read_create_virtual(sql: str) -> VirtualText:
    """Read the text of a CREATE VIRTUAL TABLE statement as sqlite_schema holds it. Odd text gives less, no error."""
    tokens = tokenize(sql)
    using = next((i for i, (token, _) in enumerate(pairwise(tokens)) if token.word == "USING"), None)
    if using is None:
        return VirtualText()
    found = VirtualText(folded(tokens[using + 1].name))
    opening = using + 2
    if opening < len(tokens) and tokens[opening].text == "(":
        for argument in split_at_commas(tokens[opening + 1 : closing(tokens, opening)], depth=1):
            _read_argument(found, sql, argument)
    if found.module in FULL_TEXT - {"fts5"} and not found.columns and found.content is None:
        found.columns.append("content")  # FTS3 and FTS4 make one where none is named
    return found


def _read_argument(found: VirtualText, sql: str, argument: Sequence[Token]) -> None:
    first, second = argument[0], argument[1] if len(argument) > 1 else None
    is_setting = second is not None and second.text == "=" and first.text[0] not in _QUOTES
    if found.module == "fts5" and is_setting:
        name = next((o for o in _FTS5_OPTIONS if o.startswith(folded(first.text))), folded(first.text))
        found.options[name] = _value(sql, argument[2:])
    elif found.module == "fts5":
        found.columns.append(first.name)
        if second is not None and second.word == "UNINDEXED":
            found.unindexed.add(folded(first.name))
    elif found.module in FULL_TEXT and first.word == "TOKENIZE":
        found.options["tokenize"] = _value(sql, argument[2 if is_setting else 1 :])
    elif found.module == "fts4" and is_setting:
        value = _value(sql, argument[2:])
        if first.word == "NOTINDEXED":
            found.unindexed.add(folded(value))
        else:
            found.options[folded(first.text)] = value
    elif found.module in R_TREES and first.text == "+" and second is not None:
        found.columns.append(second.name)
    elif found.module in FULL_TEXT | R_TREES | {"geopoly"}:
        found.columns.append(first.name)


def _value(sql: str, tokens: Sequence[Token]) -> str:
    return tokens[0].name if len(tokens) == 1 else text_of(sql, tokens)
