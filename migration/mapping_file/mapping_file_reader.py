"""Reads a mapping file (TOML, described in docs/mapping.md) and refuses what it does not understand."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar
from zoneinfo import available_timezones

from migration.convoy_error import Place
from migration.errors import MappingFileError
from migration.identifiers import shorten
from migration.mapping_file.default_expression_check import is_expression
from migration.mapping_file.mapping_file_allowed_types import UnusableTypeError, check_type, known_types
from migration.mapping_file_model import (
    ColumnOverride,
    EpochUnit,
    MappingFile,
    Normalisation,
    NulPolicy,
    OnOrphan,
    TableOverride,
)
from migration.model import StorageClass, ValueKind
from migration.small_file import read_small_file
from migration.sqlite_names import folded
from migration.value_conversion.rules import RULES, rules_for
from migration.value_conversion.value_kinds import kind_of

Word = TypeVar("Word", bound=StrEnum)

QUARANTINE: Final = "quarantine"
TABLE_OPTIONS: Final = ("rename", "skip", "key", "on_orphan", "columns")
_FILE_BYTES: Final = 16_777_216
_CALENDAR_KINDS: Final = frozenset({ValueKind.DATE, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})
_VALUE_CLASSES: Final = tuple(c.value for c in StorageClass if c is not StorageClass.NULL)


def load_mapping(path: Path) -> MappingFile:
    """Read a mapping file.

    Raises:
        MappingFileError: there is no such file, it is a pipe or a device or too large, it is no TOML, or it asks for
            something that does not exist.
    """
    try:
        content, _ = read_small_file(path, _FILE_BYTES)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise MappingFileError(f"The mapping file cannot be read: {reason}", file=str(path)) from error
    mapping = parse_mapping(text, path.name)
    return replace(mapping, sha256=hashlib.sha256(content).hexdigest())


def parse_mapping(text: str, name: str) -> MappingFile:
    """Return what a mapping file asks for; `name` stands in messages.

    Raises:
        MappingFileError: the text is no TOML, or asks for something that does not exist.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingFileError(f"The mapping file is no TOML: {error}", mapping=name) from error
    return read_mapping(document, name)


def read_mapping(document: Mapping[str, Any], name: str) -> MappingFile:
    """Return what a mapping asks for that has been parsed already, from TOML or JSON.

    Raises:
        MappingFileError: it asks for something that does not exist; names the table, the column and the nearest word.
    """
    top = _Section(document, {"mapping": name}, ("tables", "sources"))
    tables = _tables(top, None)
    sources = top.section("sources", None)
    for label in sources.words:
        source = sources.section(label, ("tables",), {"source": label})
        tables += _tables(source, label)
    seen: set[tuple[str | None, str]] = set()
    for table in tables:
        key = (table.source and folded(table.source), folded(table.table))
        if key in seen:
            raise MappingFileError(f"The table {table.table} stands there twice", mapping=name)
        seen.add(key)
    return MappingFile(name, tuple(tables))


def suggest(word: str, known: Iterable[str]) -> str:
    """Return a remedy that offers the nearest of the known words, or all of them where they are few."""
    spellings = {folded(name): name for name in known}
    near = difflib.get_close_matches(folded(word), spellings, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {spellings[near[0]]}"
    return f"Known are {', '.join(spellings.values())}" if 0 < len(spellings) <= 12 else ""  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class _Section:
    """A table of the TOML file. `known` are the words that it may hold; None: any."""

    words: Mapping[str, Any]
    place: Place
    known: Sequence[str] | None

    def __post_init__(self) -> None:
        for word in self.words:
            if self.known is not None and word not in self.known:
                self.fail(f"There is no option {word}", suggest(word, self.known))

    def fail(self, what: str, remedy: str = "") -> NoReturn:
        raise MappingFileError(what, remedy=remedy, **self.place)

    def section(self, word: str, known: Sequence[str] | None, place: Place | None = None) -> _Section:
        """Return a section below this one; an empty one where it is missing."""
        value = self.words.get(word, {})
        if not isinstance(value, Mapping):
            self.fail(f"{word} must be a table of options, not {value!r}")
        return _Section(value, {**self.place, **(place or {})}, known)

    def text(self, word: str) -> str | None:
        value = self.words.get(word)
        if value is not None and not isinstance(value, str):
            self.fail(f"{word} must be a text, not {value!r}")
        return value

    def flag(self, word: str) -> bool:
        value = self.words.get(word, False)
        if not isinstance(value, bool):
            self.fail(f"{word} must be true or false, not {value!r}")
        return value

    def texts(self, word: str) -> tuple[str, ...]:
        value = self.words.get(word, [])
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            self.fail(f"{word} must be a list of texts, not {value!r}")
        return tuple(value)

    def word_of(self, kind: type[Word], option: str, value: str) -> Word:
        """Return a member of an enum by its value."""
        try:
            return kind(value)
        except ValueError:
            self.fail(f"{option} does not know {value!r}", suggest(value, list(kind)))

    def name(self, word: str) -> str | None:
        """Return a new name, which PostgreSQL must take as it is."""
        value = self.text(word)
        if value is not None and (not value or "\0" in value or shorten(value) != value):
            self.fail(f"{word} must be a name of 1 to 63 bytes, not {value!r}")
        return value


def _tables(section: _Section, source: str | None) -> list[TableOverride]:
    tables = section.section("tables", None)
    return [_table(tables, name, source) for name in tables.words]


def _table(tables: _Section, name: str, source: str | None) -> TableOverride:
    section = tables.section(name, TABLE_OPTIONS, {"table": name})
    columns = section.section("columns", None)
    read = [
        _column(columns.section(column, tuple(_COLUMN_OPTIONS), {"column": column}), column)
        for column in columns.words
    ]
    named = [folded(column.column) for column in read]
    twice = [column.column for column in read if named.count(folded(column.column)) > 1]
    if twice:
        section.fail(f"The column {twice[0]} stands there twice")
    return TableOverride(
        table=name,
        source=source,
        rename=section.name("rename"),
        skip=section.flag("skip"),
        key=section.texts("key"),
        on_orphan=_on_orphan(section),
        columns=tuple(read),
    )


def _on_orphan(section: _Section) -> OnOrphan | None:
    wanted = section.text("on_orphan")
    return wanted if wanted is None else section.word_of(OnOrphan, "on_orphan", wanted)


def _column(section: _Section, name: str) -> ColumnOverride:
    values = {word: read(section) for word, read in _COLUMN_OPTIONS.items() if word in section.words}
    nul = values.pop("nul", (None, ""))
    column = ColumnOverride(name, nul=nul[0], nul_replacement=nul[1], **values)
    _check_fit(column, section)
    return column


def _type(section: _Section) -> str | None:
    wanted = section.text("type")
    try:
        return wanted if wanted is None else check_type(wanted)
    except UnusableTypeError as error:
        section.fail(str(error), suggest(wanted or "", known_types()))


def _rules(section: _Section) -> tuple[tuple[str, str], ...]:
    rules = section.section("rules", _VALUE_CLASSES)
    found = []
    for storage_class in rules.words:
        name = rules.text(storage_class) or ""
        rule = RULES.get(name)
        if name != QUARANTINE and (rule is None or rule.storage_class != storage_class):
            known = [r.name for r in RULES.values() if r.storage_class == storage_class]
            rules.fail(f"{name!r} is no rule for values of class {storage_class}", suggest(name, known))
        found.append((storage_class, name))
    return tuple(found)


def _nul(section: _Section) -> tuple[NulPolicy, str]:
    value = section.words["nul"]
    if isinstance(value, Mapping):
        inner = section.section("nul", ("replace",))
        replacement = inner.text("replace")
        if replacement is None or "\0" in replacement:
            section.fail("nul = { replace = ... } needs a text without NUL")
        return NulPolicy.REPLACE, replacement
    policy = section.word_of(NulPolicy, "nul", section.text("nul") or "")
    if policy is NulPolicy.REPLACE:
        section.fail("nul = replace needs a text", 'Write nul = { replace = "..." }')
    return policy, ""


def _normalise(section: _Section) -> tuple[Normalisation, ...]:
    asked = {section.word_of(Normalisation, "normalise", word) for word in section.texts("normalise")}
    return tuple(step for step in Normalisation if step in asked)


def _expression(section: _Section) -> str | None:
    sql = section.text("expression")
    if sql is not None and (not sql.strip() or "\0" in sql):
        section.fail("expression must be SQL for SQLite, not an empty text")
    return sql


def _default(section: _Section) -> str | None:
    sql = section.text("default")
    if sql and not is_expression(sql):
        section.fail(
            f"default must be one expression of PostgreSQL, not {sql!r}", "A text needs quotes of its own"
        )
    return sql


def _epoch(section: _Section) -> EpochUnit | None:
    unit = section.text("epoch")
    return unit if unit is None else section.word_of(EpochUnit, "epoch", unit)


def _timezone(section: _Section) -> str | None:
    zone = section.text("timezone")
    if zone is not None and zone not in available_timezones():
        section.fail(f"There is no time zone {zone}", suggest(zone, available_timezones()))
    return zone


_COLUMN_OPTIONS: Final[Mapping[str, Callable[[_Section], Any]]] = {
    "rename": lambda section: section.name("rename"),
    "type": _type,
    "rules": _rules,
    "default": _default,
    "skip": lambda section: section.flag("skip"),
    "nul": _nul,
    "normalise": _normalise,
    "expression": _expression,
    "epoch": _epoch,
    "timezone": _timezone,
}


def _check_fit(column: ColumnOverride, section: _Section) -> None:
    """Refuse options of one column that contradict each other."""
    rules = [RULES[name] for _, name in column.rules if name != QUARANTINE]
    kinds = {rule.kind for rule in rules}
    if len(kinds) > 1:
        section.fail(f"The rules give values of different kinds: {', '.join(sorted(kinds))}")
    if column.rules and not rules and column.type is None:
        section.fail("Rules that only quarantine leave the type open", "Write a type, too")
    kind = kind_of(column.type) if column.type is not None else next(iter(kinds), None)
    if column.type is not None:
        for rule in rules:
            own = rules_for(column.type).get(rule.storage_class)
            padded = own == "text_to_char" or rule.name == "text_to_char"
            if rule.kind is not kind or (padded and own != rule.name):
                known = [
                    r.name for r in RULES.values() if (r.kind, r.storage_class) == (kind, rule.storage_class)
                ]
                section.fail(f"The rule {rule.name} gives no {column.type}", suggest(rule.name, known))
    if column.epoch is not None and kind is not None:
        fits = {ValueKind.TIMESTAMPTZ} if column.epoch is EpochUnit.JULIAN else _CALENDAR_KINDS
        if kind not in fits:
            section.fail(f"epoch = {column.epoch.value!r} gives no {column.type or kind.value}")
