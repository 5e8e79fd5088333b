"""What a planted difference is: a table of the source, what is done to its copy, and how it must be found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

ROW_KINDS = frozenset({"missing_row", "extra_row", "differing_row"})
"""Findings that name a row."""
SUMMARY_KINDS = frozenset({"row_count", "digest_mismatch"})
"""Findings that count rows of a table, beside those that name them."""


class Way(StrEnum):
    """How a target is judged. Every difference must be found by each of them, unless a mutation says otherwise."""

    LEDGER = "ledger"  # the ledger of the migration stands beside the tables
    NO_LEDGER = "no ledger"  # somebody else's database: nothing of Convoy's is there
    READ_ONLY = "read-only"  # a role that may read, and nothing else


EVERY_WAY = frozenset(Way)


@dataclass(frozen=True, slots=True)
class Mutation:
    """One planted difference. `{t}` in its SQL stands for the name of its table, which no other mutation has."""

    subject: str
    """The type, key or part of the schema that is changed."""
    difference: str
    source: str
    """Fills the table in SQLite, after `create` where that is set."""
    planted: str
    """Run on the target after the load."""
    keys: tuple[str, ...] = ()
    """What the keys of the named rows, or for rows without a key the messages, must hold; one for each row."""
    words: tuple[str, ...] = ()
    """What a finding about the schema must hold, beside the table: an object or a column."""
    ways: frozenset[Way] = EVERY_WAY
    prepared: str = ""
    """Makes the application's table in the target, of a load with `--data-only`."""
    touches_rows: bool = False
    """Of a change of the schema: rows that cannot be read any more may be named as well."""
    is_advice: bool = False
    """The target takes and holds all that it would, and more: a finding, and status 0 where nothing else is found."""
    create: str = ""
    """Makes the table in SQLite, once for all mutations that share it."""
    shared_table: str = ""
    """The table of several mutations, each of rows of its own; empty: it has one for itself."""

    @property
    def table(self) -> str:
        """The name of its table: subject and difference as one word, unless it is shared."""
        return self.shared_table or as_name(f"{self.subject} {self.difference}")

    @property
    def is_of_rows(self) -> bool:
        """Whether rows differ, not the schema around them."""
        return bool(self.keys)

    @property
    def has_objects_of_its_own(self) -> bool:
        """Whether the difference lies in another table or a view, which `--tables` leaves out, or beside these."""
        beside_others = self.difference == "another owner"
        return "__" in "".join(self.words) or self.subject in {"table", "view"} or beside_others

    def of_table(self, statements: str) -> str:
        """Return SQL with the table's name in its place."""
        return statements.replace("{t}", self.table)


def as_name(text: str) -> str:
    """Return a text as an identifier that needs no quotes; two underscores never follow each other."""
    words = "".join(c if c.isascii() and c.isalnum() else "_" for c in text)
    return "_".join(word for word in words.lower().split("_") if word)


@dataclass(frozen=True, slots=True)
class Found:
    """A finding as `validate --json` prints it."""

    kind: str
    table: str
    message: str
    column: str = ""
    key: str = ""

    @property
    def text(self) -> str:
        """All that it says."""
        return f"{self.kind} {self.table} {self.column} {self.key} {self.message}"

    def is_about(self, key: str) -> bool:
        """Whether the row of this key is named; of a row without a key, its values are."""
        return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", self.key or self.message) is not None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one way of judging said of all tables."""

    way: Way
    status: int
    findings: tuple[Found, ...] = field(default_factory=tuple)
    words: str = ""
    """What the command said beside its findings."""

    def of(self, mutation: Mutation) -> tuple[Found, ...]:
        """Return the findings about a mutation's table, or about an object that is named for it."""
        if mutation.is_of_rows:
            return tuple(f for f in self.findings if f.table == mutation.table)
        return tuple(f for f in self.findings if f.table == mutation.table or _names(f, mutation.table))

    def complaints(self, mutation: Mutation) -> list[str]:
        """Return a sentence for each way in which the difference was not told as it should be."""
        found = self.of(mutation)
        if mutation.is_of_rows:
            rows = [f for f in found if f.kind in ROW_KINDS]
            said = "; ".join(f.text for f in found) or "nothing"
            return [
                f"no row with {key} is named, but {said}"
                for key in mutation.keys
                if not any(f.is_about(key) for f in rows)
            ]
        schema = [f for f in found if f.kind not in ROW_KINDS | SUMMARY_KINDS]
        rows = [f for f in found if f.kind in ROW_KINDS | SUMMARY_KINDS]
        complaints = [f"rows are called different: {f.text}" for f in rows if not mutation.touches_rows]
        if mutation.touches_rows and rows and not schema:
            schema = rows
        if not any(all(word.lower() in f.text.lower() for word in mutation.words) for f in schema):
            said = "; ".join(f.text for f in schema) or "nothing"
            complaints.append(f"no finding names {', '.join((mutation.table, *mutation.words))}, but {said}")
        return complaints


def strays(judgement: Judgement, mutations: Sequence[Mutation]) -> list[str]:
    """Return a sentence for each finding that belongs to no mutation: a cry of wolf."""
    keys: dict[str, list[str]] = {}
    for mutation in mutations:
        keys.setdefault(mutation.table, []).extend(mutation.keys)
    named_by = [m.table for m in mutations if not m.is_of_rows]
    return [
        found.text
        for found in judgement.findings
        if found.kind not in SUMMARY_KINDS
        and not (
            any(found.is_about(key) for key in keys.get(found.table, ()))
            if found.kind in ROW_KINDS and keys.get(found.table)
            else found.table in named_by or any(_names(found, table) for table in named_by)
        )
    ]


def _names(finding: Found, table: str) -> bool:
    """Whether a finding of another table is about an object that is named for this one (a view, an extra table)."""
    return table in finding.table.split("__") or any(
        word.split("__")[0] == table and "__" in word for word in _words(finding)
    )


def _words(finding: Found) -> list[str]:
    text = f"{finding.table} {finding.column} {finding.message}"
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()
