"""How a table is named wherever people read of it: with its source's label where a run has several sources.

Tables of one name may stand in each of them. `--tables`, `--exclude` and `--accept` take the same names.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from migration.convoy_error import ConvoyError
from migration.finding_kinds import FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Located(Protocol):
    """A finding, wherever it stands. `source` is a label; empty for what belongs to no source."""

    @property
    def kind(self) -> FindingKind:
        """What was found."""

    @property
    def source(self) -> str:
        """Label of the source."""

    @property
    def table(self) -> str:
        """Name of the table in the source."""

    @property
    def column(self) -> str | None:
        """Name of the column in the source."""


def full_name(source: str, *parts: str) -> str:
    """Return a name with the label of its source.

    >>> full_name("north", "users", "email")
    'north.users.email'
    """
    return ".".join((source, *parts))


@dataclass(frozen=True, slots=True)
class TableNames:
    """Names the tables of one run.

    >>> TableNames(has_several_sources=True).table("north", "users"), TableNames(False).table("north", "users")
    ('north.users', 'users')
    """

    has_several_sources: bool = False

    @classmethod
    def among(cls, labels: Iterable[str]) -> Self:
        """Return how tables are named where their sources have these labels."""
        return cls(len(set(labels)) > 1)

    def label(self, source: str) -> str:
        """Return the label of a source, where there are several; otherwise nothing has to be told."""
        return source if self.has_several_sources else ""

    def table(self, source: str, name: str) -> str:
        """Return the name of a table; of what is a source's and no table's, the label of several sources."""
        if not (self.has_several_sources and source):
            return name
        return full_name(source, name) if name else source

    def column(self, source: str, table: str, column: str) -> str:
        """Return the name of a column together with its table's."""
        return f"{self.table(source, table)}.{column}"

    def place(self, found: Located) -> str:
        """Return what a finding is about, table and column; empty where it is about the whole run."""
        # An object that belongs to no single table has the label of its source in place of one.
        is_of_source = found.kind is FindingKind.SKIPPED_OBJECT and found.table == found.source
        table = found.table if is_of_source else self.table(found.source, found.table)
        return f"{table}.{found.column}" if found.column else table

    def owned(self, name: str, owner: str) -> str:
        """Return the name of a schema object; owners have the labels of their sources before them already."""
        return f"{name} ({owner})" if self.has_several_sources and owner else name


@contextmanager
def errors_of_source(label: str) -> Iterator[None]:
    """Give errors that name a table, and no source, the label of theirs; an empty one changes nothing."""
    try:
        yield
    except ConvoyError as error:
        if "table" in error.place and label:
            error.place = {"source": label, **error.place}
        raise
