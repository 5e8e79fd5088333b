"""The base of all errors: what happened, a place made of typed fields, one remedy with its commands as data.

A place in prose tells people where and tells programs nothing, so the constructor takes none: `str` composes it here,
and only here, from the fields.

Errors cross process boundaries by pickle: what `__init__` sets stands in the instance and travels with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypedDict, Unpack, cast

from migration.exit_status import ExitStatus
from migration.file_name_text import shown_name
from migration.pasted_commands import quoted_commands
from migration.secret_text import without_secrets


@dataclass(frozen=True, slots=True)
class NextStep:
    """Something to type, and what it does."""

    purpose: str
    command: str


class Place(TypedDict, total=False):
    """Where something went wrong. What does not apply is left out; no field ever holds a password."""

    run: str
    """Id of the run, or the beginning of it that a user typed."""
    phase: str
    step: int
    """Id of a step in the ledger."""
    setting: str
    """Flag or environment variable: ``--report``, ``MIGRATION_BROKER_URL``."""
    mapping: str
    """Name of the mapping file."""
    source: str
    """Label of a source."""
    file: str
    """Path of a file or folder, or the URL of a source."""
    process: str
    """Process of the local cluster."""
    database: str
    server: str
    """PostgreSQL's ``host:port``, its socket folder or its service."""
    broker: str
    """URL of the broker."""
    schema: str
    table: str
    chunk: int
    """Position of a chunk in its table."""
    key: str
    """Key of a row, as text."""
    column: str
    object_kind: str
    """What `object` is: index, constraint, view ..."""
    object: str


def place_parts(place: Place) -> list[str]:
    """Return the place as people read it, one part for each thing: ``table orders``, ``key 17``, ``column paid_at``."""
    parts = [f"run {place['run']}"] if "run" in place else []
    parts += [place["phase"]] if "phase" in place else []
    parts += [f"step {place['step']}"] if "step" in place else []
    parts += [place["mapping"]] if "mapping" in place else []
    parts += _file_parts(place)
    parts += [place["process"]] if "process" in place else []
    parts += _target_parts(place)
    parts += [f"chunk {place['chunk']}"] if "chunk" in place else []
    parts += [f"key {place['key']}"] if "key" in place else []
    parts += [f"column {place['column']}"] if "column" in place else []
    return parts


def _says(sentence: str, words: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(words)}(?![\w-])", sentence) is not None


def _file_parts(place: Place) -> list[str]:
    """A flag stands before its file, a source's label before its path: ``--report out``, ``source a: a.db``."""
    flag = [place["setting"]] if "setting" in place else []
    file = [place["file"]] if "file" in place else []
    if "source" in place:
        return [*flag, ": ".join([f"source {place['source']}", *file])]
    return [" ".join(flag + file)] if flag or file else []


def _target_parts(place: Place) -> list[str]:
    server, schema, table = place.get("server"), place.get("schema"), place.get("table")
    parts = [place["broker"]] if "broker" in place else []
    if "database" in place or server:
        # libpq's service file or the user's name may say which one it is.
        database = place.get("database", "of the service or user")
        parts.append(f"database {database}" + (f" on {server}" if server else ""))
    named = f"table {schema}.{table}" if schema and table else table and f"table {table}"
    if "object" in place:
        thing = f"{place.get('object_kind', 'object')} {place['object']}"
        return [*parts, f"{thing} of {named}" if named else thing]
    return [*parts, *([named or f"schema {schema}"] if named or schema else [])]


def _tellable(words: str) -> str:
    return without_secrets(shown_name(words).replace("\0", "\\x00"))


def _unnamed_steps(remedy: str, next_steps: tuple[NextStep, ...]) -> list[NextStep]:
    """Return the commands of a remedy that are no next step; there, they may name the target, too."""
    known = tuple(step.command for step in next_steps)
    unnamed = dict.fromkeys(command for command in quoted_commands(remedy) if not command.startswith(known))
    return [NextStep("Do what the remedy says", command) for command in unnamed]


class ConvoyError(Exception):
    """An error that was raised on purpose; each class of migration/errors.py has a code that does not change.

    Args:
        what: what happened, as a sentence without a full stop.
        remedy: what the reader can do about it, as a sentence without a full stop.
        details: more for a person to read, such as the end of a log.
        next_steps: the commands that the remedy names, SQL among them, most likely first. A command that the remedy has
            between backquotes is one of them, whoever has forgotten it.
        place: the fields of `Place` that apply; empty texts are dropped.
    """

    code = "unexpected-error"
    exit_status = ExitStatus.FAILED

    def __init__(
        self,
        what: str,
        *,
        remedy: str = "",
        details: str = "",
        next_steps: tuple[NextStep, ...] = (),
        **place: Unpack[Place],
    ) -> None:
        # The ledger cannot hold NUL, and some libraries quote bytes: such an error could not be told. Nor may it hold
        # a password, and some libraries quote those, too.
        what, remedy, details = (_tellable(words) for words in (what, remedy, details))
        super().__init__(what)
        if unknown := place.keys() - Place.__annotations__.keys():
            raise TypeError(f"A place has no field {', '.join(sorted(unknown))}")
        self.what = what
        self.remedy = remedy
        self.details = details
        self.next_steps = (*next_steps, *_unnamed_steps(remedy, next_steps))
        told = {name: shown_name(value) if isinstance(value, str) else value for name, value in place.items()}
        self.place = cast(Place, {name: value for name, value in told.items() if value != ""})  # noqa: TC006

    @property
    def where(self) -> str:
        """The place as people read it, without a flag or schema that the sentence has named already."""
        named = {self.place.get("setting"), f"schema {self.place.get('schema')}"}
        parts = [part for part in place_parts(self.place) if part not in named or not _says(self.what, part)]
        return ", ".join(parts)

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        rest = "".join(f" {sentence}." for sentence in (self.remedy, self.details) if sentence)
        return f"{self.what}{place}.{rest}"
