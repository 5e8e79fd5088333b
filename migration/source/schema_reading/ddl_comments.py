"""Comments in CREATE statements, and what each of them is about.

SQLite keeps the text of a statement as it was written (https://www.sqlite.org/schematab.html), but has no notion of
what a comment belongs to. The rules here are those that people write by; docs/mapping.md lists them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field, replace
from inspect import cleandoc
from typing import TYPE_CHECKING

from migration.source.create_table_parser import TABLE_CONSTRAINTS
from migration.source.sqlite_syntax import closing, split_at_commas, tokenize
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from migration.source.sqlite_syntax import Token
    from migration.source_schema import SourceTable

_RULER = re.compile(r"[-=*#_~+/\s]*")
_MOST_READ = 1_000_000  # characters of one comment; far more than a plan keeps of it
_BLANK_LINE = re.compile(r"\n[ \t\r\f]*\n")


@dataclass(frozen=True, slots=True)
class TableComments:
    """What the comments of a CREATE TABLE say: of the table, and of its columns by lower-case name."""

    table: str = ""
    columns: dict[str, str] = field(default_factory=dict)


def read_comments(sql: str) -> str:
    """Return all comments of a statement, one under the other: those of a view or an index are about all of it."""
    return _joined(token for token in tokenize(sql, comments=True) if token.is_comment)


def read_table_comments(sql: str) -> TableComments:
    """Tell what the comments of a CREATE TABLE are about. Odd text gives less, never an error."""
    if "--" not in sql and "/*" not in sql:
        return TableComments()
    tokens = tokenize(sql, comments=True)
    code = [token for token in tokens if not token.is_comment]
    opening = next((i for i, token in enumerate(code) if token.text == "("), None)
    if opening is None:
        return TableComments()
    return _Reading(sql, tokens, code, opening).comments()


def with_comments(table: SourceTable) -> SourceTable:
    """Return a table and its columns with what the comments in its text say of them."""
    found = read_table_comments(table.sql or "")
    columns = tuple(replace(c, comment=found.columns.get(folded(c.name), "")) for c in table.columns)
    return replace(table, comment=found.table, columns=columns)


@dataclass(slots=True)
class _Item:
    """A column definition, or table constraints between two commas (then `name` is None)."""

    name: str | None
    start: int
    end: int
    comments: list[Token] = field(default_factory=list)


class _Reading:
    """One pass over the comments of a CREATE TABLE, in order of the text."""

    def __init__(self, sql: str, tokens: Sequence[Token], code: Sequence[Token], opening: int) -> None:
        end = closing(code, opening)
        self._sql = sql
        self._tokens = tokens
        self._code = code
        self._starts = [token.start for token in code]
        self._body = (code[opening].end, code[end].start)
        self._items = _items(split_at_commas(code[opening + 1 : end], depth=1))
        self._item_starts = [item.start for item in self._items]
        self._of_table: list[Token] = []
        self._above_first: list[Token] = []
        self._is_documented_above = False
        """Whether a column but the first has a comment on lines of its own above it."""

    def comments(self) -> TableComments:
        before: Token | None = None
        beside: _Item | None = None
        for token in self._tokens:
            if not token.is_comment:
                before = None
                continue
            if before is None or not self._goes_on(before, token):
                beside = self._place(token)
                before = token if self._is_beside(token) else None
            else:
                self._add(beside, token)
                before = token
        self._place_above_first()
        # What is said of constraints is said of the table.
        self._of_table += [c for item in self._items if item.name is None for c in item.comments]
        columns = {folded(item.name): _joined(item.comments) for item in self._items if item.name is not None}
        return TableComments(
            _joined(sorted(self._of_table, key=lambda comment: comment.start)),
            {name: text for name, text in columns.items() if text},
        )

    def _place(self, comment: Token) -> _Item | None:
        """Give a comment to what it is about; return the item, or None for the table."""
        number = bisect_right(self._item_starts, comment.start)
        before = self._items[number - 1] if number else None
        after = self._items[number] if number < len(self._items) else None
        if not self._body[0] <= comment.start < self._body[1]:
            return self._add(None, comment)
        if before is not None and comment.start < before.end:
            return self._add(before, comment)
        if after is not None and self._leads_to(after, comment):
            return self._add(after, comment)
        if self._is_beside(comment):
            return self._add(before, comment)
        if before is None:
            self._above_first.append(comment)
            return None
        self._is_documented_above |= after is not None and after.name is not None
        return self._add(after, comment)

    def _add(self, item: _Item | None, comment: Token) -> _Item | None:
        (self._of_table if item is None else item.comments).append(comment)
        return item

    def _leads_to(self, item: _Item, comment: Token) -> bool:
        """Whether nothing stands between a comment and an item, on the same line."""
        following = self._code[bisect_right(self._starts, comment.start)]
        return following.start == item.start and self._are_on_a_line(comment.end, item.start)

    def _is_beside(self, comment: Token) -> bool:
        """Whether a comment begins on the line on which code ends."""
        number = bisect_right(self._starts, comment.start)
        return number > 0 and self._are_on_a_line(self._code[number - 1].end, comment.start)

    def _are_on_a_line(self, start: int, end: int) -> bool:
        return self._sql.find("\n", start, end) < 0  # no slice: there may be thousands of comments

    def _goes_on(self, before: Token, comment: Token) -> bool:
        """Whether a comment goes on with the one beside code on the line above: it begins right under it."""
        are_lines = before.text.startswith("--") and comment.text.startswith("--")
        is_next_line = self._sql.count("\n", before.end, comment.start) == 1
        return are_lines and is_next_line and self._indent(before) == self._indent(comment)

    def _indent(self, comment: Token) -> int:
        return comment.start - self._sql.rfind("\n", 0, comment.start)

    def _place_above_first(self) -> None:
        """Comments above the first column are the table's, unless the others have theirs above them, too."""
        ends = [comment.start for comment in self._above_first[1:]] + self._item_starts[:1]
        gaps = [
            i
            for i, (comment, end) in enumerate(zip(self._above_first, ends, strict=False))
            if _BLANK_LINE.search(self._sql, comment.end, end)
        ]
        apart = gaps[-1] + 1 if gaps else 0
        of_first = self._above_first[apart:] if self._is_documented_above else []
        self._of_table += self._above_first[: len(self._above_first) - len(of_first)]
        if of_first:
            self._items[0].comments[:0] = of_first


def _items(definitions: Iterable[Sequence[Token]]) -> list[_Item]:
    items: list[_Item] = []
    in_columns = True
    for tokens in definitions:
        in_columns = in_columns and tokens[0].word not in TABLE_CONSTRAINTS
        items.append(_Item(tokens[0].name if in_columns else None, tokens[0].start, tokens[-1].end))
    return items


def _joined(comments: Iterable[Token]) -> str:
    return "\n".join(text for text in (_text(comment.text[:_MOST_READ]) for comment in comments) if text)


def _text(comment: str) -> str:
    r"""Return what a comment says, without its marks; nothing where it is a ruler.

    >>> _text("/**\n * First line.\n *  - second\n */")
    'First line.\n - second'
    """
    if _RULER.fullmatch(comment):
        return ""
    if comment.startswith("--"):
        return comment.lstrip("-").strip()
    lines = comment.removeprefix("/*").removesuffix("*/").strip("*").splitlines()
    following = [line.strip() for line in lines[1:] if line.strip()]
    if following and all(line.startswith("*") for line in following):
        lines = [lines[0].strip(), *(line.strip().removeprefix("*").removeprefix(" ") for line in lines[1:])]
        return "\n".join(line.rstrip() for line in lines).strip("\n")
    return "\n".join(line.rstrip() for line in cleandoc("\n".join(lines)).splitlines())
