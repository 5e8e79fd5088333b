"""SQLite's spelling of names and tokens: quoting, and a tokenizer that accepts any text.

The rules are those of https://www.sqlite.org/lang_keywords.html and of SQLite's own tokenize.c. A schema is stored
as text that SQLite has accepted, so the tokenizer has no errors: what it does not know becomes a symbol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.source_schema import SourceColumn


def quote_name(name: str) -> str:
    """Quote an identifier for SQLite."""
    return '"' + name.replace('"', '""') + '"'


def value_sql(column: SourceColumn) -> str:
    """Return the SQL for a column's value in the table called `t`: its name, or the expression in its place."""
    if column.override is not None and column.override.expression is not None:
        return f"({column.override.expression}\n)"  # it may end in a comment
    return f"t.{quote_name(column.name)}"


def quote_text(value: str) -> str:
    """Quote a text literal for SQLite; `value` must hold no NUL, at which SQLite would stop reading."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Token:
    """One token of SQL text: `start` and `end` are offsets into that text, `depth` counts open parentheses.

    A parenthesis itself has the depth of what surrounds it. `word` is the upper-case spelling of an unquoted word,
    and empty for everything else.
    """

    text: str
    start: int
    end: int
    depth: int
    word: str = ""

    @property
    def name(self) -> str:
        """The identifier that this token spells, without its quotes."""
        quote = self.text[:1]
        if quote == "[":
            return self.text[1:-1]
        if quote in _QUOTES:
            return self.text[1:-1].replace(quote * 2, quote)
        return self.text

    @property
    def is_comment(self) -> bool:
        """Whether this is a comment: no other token begins like one."""
        return self.text.startswith(("--", "/*"))


_QUOTES = frozenset("\"'`")
_PATTERN = re.compile(
    r"""
    (?P<space>  [ \t\n\f\r]+ )
  | (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
  | (?P<quoted> '(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] )
  | (?P<number> [0-9][0-9A-Za-z_.]* | \.[0-9]+ )
  | (?P<word>   [A-Za-z_\x80-\U0010ffff][0-9A-Za-z_$\x80-\U0010ffff]* )
  | (?P<symbol> . )
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(sql: str, *, comments: bool = False) -> tuple[Token, ...]:
    """Split SQL text into tokens, without white space, and without comments unless they are asked for."""
    return tuple(_tokens(sql, {"space"} if comments else {"space", "comment"}))


def _tokens(sql: str, skipped: set[str]) -> Iterator[Token]:
    depth = 0
    for match in _PATTERN.finditer(sql):
        kind = match.lastgroup
        if kind in skipped:
            continue
        text = match.group()
        if text == ")":
            depth -= 1
        yield Token(text, match.start(), match.end(), depth, text.upper() if kind == "word" else "")
        if text == "(":
            depth += 1


def split_at_commas(tokens: Sequence[Token], depth: int) -> list[list[Token]]:
    """Split a run of tokens at the commas of that depth."""
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.text == "," and token.depth == depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def closing(tokens: Sequence[Token], opening: int) -> int:
    """Return the index of the parenthesis that closes the one at `opening`, or the last index of a cut-off text."""
    depth = tokens[opening].depth
    for index in range(opening + 1, len(tokens)):
        if tokens[index].text == ")" and tokens[index].depth == depth:
            return index
    return len(tokens) - 1


def text_of(sql: str, tokens: Sequence[Token]) -> str:
    """Return the text between the first and the last of these tokens, both included."""
    return sql[tokens[0].start : tokens[-1].end] if tokens else ""
