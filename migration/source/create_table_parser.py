"""What only the text of CREATE TABLE and CREATE INDEX tells: no PRAGMA answers for these.

CHECK constraints, AUTOINCREMENT, collations, the expressions of generated columns, DEFERRABLE, index expressions and
the condition of a partial index. Grammar: https://www.sqlite.org/lang_createtable.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from migration.source.sqlite_syntax import closing, split_at_commas, text_of, tokenize
from migration.source_schema import SourceCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.source.sqlite_syntax import Token

TABLE_CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
"""With one of these, unquoted, the columns of a CREATE TABLE have ended."""


@dataclass(slots=True)
class ColumnText:
    """What the text says of one column."""

    name: str
    collation: str = "BINARY"
    generated_sql: str | None = None


@dataclass(slots=True)
class TableText:
    """What the text says of one table. `deferrable` has one entry for each REFERENCES clause, in order of the text."""

    columns: list[ColumnText] = field(default_factory=list)
    checks: list[SourceCheck] = field(default_factory=list)
    deferrable: list[bool] = field(default_factory=list)
    autoincrement: bool = False


def read_create_table(sql: str) -> TableText:
    """Read the text of a CREATE TABLE statement as sqlite_schema holds it. Odd text gives less, never an error."""
    found = TableText()
    tokens = tokenize(sql)
    opening = next((i for i, token in enumerate(tokens) if token.text == "("), None)
    if opening is None:
        return found
    body = tokens[opening + 1 : closing(tokens, opening)]
    in_columns = True
    for item in split_at_commas(body, depth=1):
        in_columns = in_columns and item[0].word not in TABLE_CONSTRAINTS
        if in_columns:
            found.columns.append(ColumnText(item[0].name))
        _read_clauses(sql, item, found, found.columns[-1] if in_columns else None)
    return found


def _read_clauses(sql: str, item: Sequence[Token], found: TableText, column: ColumnText | None) -> None:
    """Walk over one column definition, or over the table constraints between two commas."""
    constraint_name: str | None = None
    index = 1 if column else 0
    while index < len(item):
        token, following = item[index], item[index + 1] if index + 1 < len(item) else None
        at_top = token.depth == 1
        if token.word == "AUTOINCREMENT":
            found.autoincrement = True  # a reserved word: it stands for nothing else, at any depth
        elif not at_top or following is None:
            pass
        elif token.word == "CONSTRAINT":
            constraint_name = following.name
            index += 2
            continue
        elif token.word == "CHECK" and following.text == "(":
            end = closing(item, index + 1)
            found.checks.append(SourceCheck(text_of(sql, item[index + 2 : end]), constraint_name))
            index, constraint_name = end, None
        elif token.word == "AS" and following.text == "(" and column:
            end = closing(item, index + 1)
            column.generated_sql = text_of(sql, item[index + 2 : end])
            index = end
        elif token.word == "COLLATE" and column:
            column.collation = following.name
            index += 1
        elif token.word == "REFERENCES":
            found.deferrable.append(False)
        elif token.word == "INITIALLY" and found.deferrable:
            # DEFERRABLE alone is still checked at once: https://www.sqlite.org/foreignkeys.html#fk_deferred
            words = [t.word for t in item[max(index - 2, 0) : index]]
            found.deferrable[-1] = following.word == "DEFERRED" and words != ["NOT", "DEFERRABLE"]
        index += 1


@dataclass(frozen=True, slots=True)
class IndexText:
    """What the text says of one index: its terms without collation and direction, and its condition."""

    terms: tuple[str, ...] = ()
    where_sql: str | None = None


def read_create_index(sql: str) -> IndexText:
    """Read the text of a CREATE INDEX statement."""
    tokens = tokenize(sql)
    opening = next((i for i, token in enumerate(tokens) if token.text == "("), None)
    if opening is None:
        return IndexText()
    end = closing(tokens, opening)
    terms = tuple(
        text_of(sql, _bare_term(term)) for term in split_at_commas(tokens[opening + 1 : end], depth=1)
    )
    rest = tokens[end + 1 :]
    where_sql = text_of(sql, rest[1:]) if rest and rest[0].word == "WHERE" else None
    return IndexText(terms, (where_sql or "").rstrip("; \t\n") or None)


def _bare_term(term: Sequence[Token]) -> Sequence[Token]:
    """Cut the direction and one COLLATE clause off the end."""
    words = [token.word for token in term]
    if words[-2:] in (["NULLS", "FIRST"], ["NULLS", "LAST"]):
        words = words[:-2]
    if len(words) > 1 and words[-1] in {"ASC", "DESC"}:
        words = words[:-1]
    if len(words) > 2 and words[-2] == "COLLATE":  # noqa: PLR2004 - an expression, COLLATE and a name
        words = words[:-2]
    return term[: len(words)]


def collations_named(sql: str) -> set[str]:
    """Return every name that follows COLLATE in this text."""
    tokens = tokenize(sql)
    return {after.name for token, after in pairwise(tokens) if token.word == "COLLATE"}
