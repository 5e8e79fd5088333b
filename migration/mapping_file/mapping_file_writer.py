"""Writes decisions as a mapping file, to be edited and given back with `--mapping`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.mapping_file.accepted_losses import is_requested
from migration.mapping_file.mapping_file_allowed_types import UnusableTypeError, check_type
from migration.mapping_file.mapping_file_application import find_table
from migration.mapping_file.mapping_file_reader import QUARANTINE
from migration.mapping_file_model import ColumnOverride, NulPolicy, TableOverride
from migration.model import ColumnProfile, StorageClass
from migration.source_schema import SourceTable
from migration.value_conversion.named_losses import FRACTION_ROUNDED, NEGATIVE_ZERO, TRANSFORM_LOSSES
from migration.value_conversion.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migration.mapping_file_model import MappingFile
    from migration.model import ColumnPlan, TablePlan
    from migration.source_schema import SourceColumn

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_HEAD: Final = """\
# What {what} decided, to edit and to give back: migration-cli migrate --mapping THIS_FILE ...
# The form is explained in docs/mapping.md. What is deleted here is decided again from the data; a type that
# stands here is fixed: values that do not fit go to the quarantine instead of widening it.
"""


@dataclass(frozen=True, slots=True)
class DecidedTable:
    """A planned table, what it declares (as the mapping file of its run had it), and what it holds."""

    declared: SourceTable
    plan: TablePlan
    profiles: Mapping[str, ColumnProfile]
    rows: int


def mapping_text(tables: Sequence[DecidedTable], mapping: MappingFile | None, what: str) -> str:
    """Return a mapping file in which every decision stands, with declared type, histogram and reason as comments.

    Args:
        tables: of all sources. Where there is more than one source, each table is written under its source's label.
        mapping: what the run was given itself; what it skips is skipped again.
        what: made the decisions, for the first line.
    """
    labels = list(dict.fromkeys(table.plan.source_label for table in tables))
    lines = [_HEAD.format(what=what)]
    for table in tables:
        asked = find_table(mapping, table.plan.source_label, table.plan.name) if mapping is not None else None
        lines += _table(table, asked, with_source=len(labels) > 1)
    for skipped in mapping.tables if mapping is not None else ():
        if skipped.skip:
            lines += [f"[{_path(skipped.source, skipped.table)}]", "skip = true", ""]
    return "\n".join(lines)


def _table(table: DecidedTable, asked: TableOverride | None, *, with_source: bool) -> Iterator[str]:
    plan = table.plan
    path = _path(plan.source_label if with_source else None, plan.name)
    yield f"# {_comment(plan.name)}: {table.rows:,} rows"
    yield f"[{path}]"
    if plan.target_name != plan.name:
        yield f"rename = {_text(plan.target_name)}"
    if plan.key:
        yield f"key = [{', '.join(map(_text, plan.key))}]"
    if table.declared.override is not None and table.declared.override.on_orphan is not None:
        yield f"on_orphan = {_text(table.declared.override.on_orphan)}"
    yield ""
    declared = {column.name: column for column in table.declared.columns}
    for column in plan.columns:
        yield f"[{path}.columns.{_key(column.name)}]"
        profile = table.profiles.get(column.name, ColumnProfile())
        yield from _column(column, declared[column.name], profile)
        yield ""
    for skipped in asked.columns if asked is not None else ():
        if skipped.skip:
            yield from (f"[{path}.columns.{_key(skipped.column)}]", "skip = true", "")


def _column(plan: ColumnPlan, declared: SourceColumn, profile: ColumnProfile) -> Iterator[str]:
    asked = declared.override or ColumnOverride(declared.name)
    held = [f"{profile.count(c):,} {c}" for c in StorageClass if profile.count(c)]
    words = f"declared {declared.declared_type}" if declared.declared_type else "no declared type"
    yield f"# {_comment(words)}; holds {', '.join(held) or 'nothing'}"
    yield f"# {_comment(plan.reason)}"
    if declared.default_sql is not None and plan.default_sql is None and not plan.identity:
        yield f"# without its default: {_comment(declared.default_sql)}"
    if plan.target_name != plan.name:
        yield f"rename = {_text(plan.target_name)}"
    if asked.expression is not None:
        yield f"expression = {_text(asked.expression)}"
    if plan.cast_to:
        yield f"# its type is {_comment(plan.cast_to)}, to which the server casts texts"
    elif not _is_writable(plan.target_type):
        yield f"# its type is {_comment(plan.target_type)}"
    else:
        yield f"type = {_text(plan.target_type)}"
    rules = {c: plan.rules.get(c, QUARANTINE) for c in (*plan.rules, *profile.classes)}
    for storage_class in [c for c in rules if _loses_unasked(rules[c], declared)]:
        yield f"# {rules.pop(storage_class)} loses something; it goes without a finding where rules names it"
    if rules:
        inner = ", ".join(f"{c} = {_text(rules[c])}" for c in StorageClass if c in rules)
        yield f"rules = {{ {inner} }}"
    if plan.default_sql is not None:
        yield f"default = {_text(plan.default_sql)}"
    elif asked.default is not None:
        yield 'default = ""'
    yield from _kept(asked)


def _is_writable(target_type: str) -> bool:
    """Whether a mapping file may name a type; `timestamp(3)` of an application, for one, it may not."""
    try:
        check_type(target_type)
    except UnusableTypeError:
        return False
    return True


def _loses_unasked(rule: str, declared: SourceColumn) -> bool:
    """Whether a rule loses something that the user has not asked to lose: the draft must not ask in his name."""
    found = RULES.get(rule)
    if found is None:
        return False
    by_name = [found.transform] if found.lossy and found.transform is not None else []
    by_name += [loss for loss in TRANSFORM_LOSSES.get(found.transform or "", ()) if loss == FRACTION_ROUNDED]
    return any(name != NEGATIVE_ZERO and not is_requested(name, declared.override) for name in by_name)


def _kept(asked: ColumnOverride) -> Iterator[str]:
    """Return the options that a decision does not hold; units of epochs stand in the rules."""
    if asked.nul is NulPolicy.REPLACE:
        yield f"nul = {{ replace = {_text(asked.nul_replacement)} }}"
    elif asked.nul is not None:
        yield f"nul = {_text(asked.nul)}"
    if asked.normalise:
        yield f"normalise = [{', '.join(map(_text, asked.normalise))}]"
    if asked.timezone is not None:
        yield f"timezone = {_text(asked.timezone)}"


def _path(source: str | None, table: str) -> str:
    start = "tables" if source is None else f"sources.{_key(source)}.tables"
    return f"{start}.{_key(table)}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    """Return a basic string of TOML: as in JSON, but that DEL is escaped, too."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(value: str) -> str:
    """Return words for one line of comment, which may hold no control characters."""
    return "".join(c if c.isprintable() else " " for c in value)
