"""What is known of one application: profiles/NAME.toml as types. Keys that are not here are refused."""

from __future__ import annotations

from typing import Any

import msgspec

from migration.mapping_file_model import OnOrphan
from migration.model import IdentifierPolicy


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of a profile's file."""


class LeftAloneTable(_Strict, frozen=True):
    """A table whose rows in PostgreSQL are the application's own. `*` stands for any letters."""

    table: str
    why: str


class SqlCheck(_Strict, frozen=True):
    """A question to both sides whose answers have to be the same. `target` is empty where the words are the same."""

    what: str
    source: str
    target: str = ""

    @property
    def target_sql(self) -> str:
        """What to ask PostgreSQL."""
        return self.target or self.source


class Statement(_Strict, frozen=True):
    """What PostgreSQL is told once the rows are there, which the application's own writing would have done."""

    what: str
    sql: str


class ProfileFlags(_Strict, frozen=True):
    """Flags of `migrate`, `dry-run` and `validate` that the profile sets; what is typed goes before them."""

    data_only: bool = False
    ignore_version: bool = False
    """The application names its migrations differently for SQLite and PostgreSQL, so that nothing is to be compared."""
    source_timezone: str | None = None
    identifiers: IdentifierPolicy | None = None
    on_orphan: OnOrphan | None = None

    def defaults(self) -> dict[str, Any]:
        """Return what is set, by the name of the option: `data_only`, `source_timezone` ..."""
        found: dict[str, Any] = {"data_only": True} if self.data_only else {}
        if self.ignore_version:
            found["ignore_version"] = True
        if self.source_timezone is not None:
            found["source_timezone"] = self.source_timezone
        if self.identifiers is not None:
            found["identifiers"] = self.identifiers.value
        if self.on_orphan is not None:
            found["on_orphan"] = self.on_orphan.value
        return found


class ApplicationProfile(_Strict, frozen=True, kw_only=True):
    """One application, or one framework of applications."""

    title: str
    what: str
    """One line: what it is."""
    facts: tuple[str, ...]
    """URLs of the project's own migrations and documentation, from which the rest is taken."""
    tried: str
    """The versions that it was tried with; or that it was not, and what the facts were taken from."""
    file: str
    """Where the SQLite file lies, for the commands on the page."""
    schema: str
    """How the application makes its tables in PostgreSQL."""
    schema_commands: tuple[str, ...] = ()
    stop: str
    signature: tuple[str, ...] = ()
    """Tables that only this application has together."""
    left_alone: tuple[LeftAloneTable, ...] = ()
    arguments: str = ""
    """What to type beside `--app`, which a profile does not do by itself: `--if-exists replace`."""
    before: tuple[SqlCheck, ...] = ()
    """Both sides stand at the same version."""
    afterwards: tuple[Statement, ...] = ()
    after: tuple[SqlCheck, ...] = ()
    by_hand: tuple[str, ...]
    """What to try in the application afterwards."""
    back: str
    notes: tuple[str, ...] = ()
    flags: ProfileFlags = ProfileFlags()
    tables: dict[str, Any] = {}
    """The part of a mapping file that the application needs, in the words of docs/mapping.md."""
