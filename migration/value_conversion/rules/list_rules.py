"""Lists that are kept as text: as other databases and libraries write them, they become array literals.

https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO. Only where an application's column is an array. A text
that is no list, or one in more ways than one, stays out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.named_losses import LIST_RESPELLED
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Loss,
    Misfit,
    Rule,
    all_bad,
    merge_bad,
)
from migration.value_conversion.rules.text_rules import NUL_REASON, TEXT_RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY_READINGS: Final = "text may be a list in more than one way"
MANY_KINDS: Final = "JSON list holds values of several kinds, an array holds one"
# What PostgreSQL itself writes, with or without bounds.
_LITERAL: Final = re.compile(r"\s*(\{|(\[[+-]?\d+(:[+-]?\d+)?\])+\s*=)", re.ASCII)
_TO_THE_SERVER: Final = re.compile(r"\s*\Z", re.ASCII)
# A blank, another separator, a quote: who wrote this may have meant something else by its commas.
_DOUBTFUL: Final = re.compile(r"""[\s"'\\{}\[\]();|]""")
_NEEDS_QUOTES: Final = re.compile(r"""[\s"\\{},]|^$|^null$""", re.IGNORECASE)
_AS_TEXT: Final = next(rule for rule in TEXT_RULES if rule.name == "text_to_text")


class _Number(str):
    """A number of a JSON list, as it is written."""

    __slots__ = ()


def read_list(text: str) -> str:
    """Return a list as an array literal; a text that is one already, or that only the server can judge, as it is.

    Raises:
        Misfit: the text may be read in more than one way.

    >>> read_list("a,b"), read_list('["a", "b c", null]'), read_list("[[1, 2.50], [3, 4]]")
    ('{a,b}', '{a,"b c",NULL}', '{{1,2.50},{3,4}}')
    """
    if "\0" in text:
        raise Misfit(NUL_REASON)
    if _LITERAL.match(text) or _TO_THE_SERVER.match(text):
        return text
    if text.lstrip().startswith("["):
        try:
            value = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
        except (ValueError, RecursionError):
            raise Misfit(MANY_READINGS) from None
        if len({type(part) for part in _leaves(value)} - {type(None)}) > 1:
            raise Misfit(MANY_KINDS)
        return _literal(value)
    parts = text.split(",")
    if _DOUBTFUL.search(text) or any(not part or part.lower() == "null" for part in parts):
        raise Misfit(MANY_READINGS)
    return _literal(parts)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, dict):
        raise Misfit(MANY_KINDS)
    else:
        yield value


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"{{{','.join(map(_literal, value))}}}"
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if not _NEEDS_QUOTES.search(value):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _columnar(values: pa.Array, context: Context) -> Converted:
    if pc.all(_is_literal(values)).as_py() in {True, None}:
        return _AS_TEXT.columnar(values, context)
    return all_bad(values, pa.string())


def _is_literal(values: pa.Array) -> pa.BooleanArray:
    return pc.starts_with(values.cast(pa.binary()), b"{")


def _becomes_literal(values: pa.Array, _context: Context) -> pa.BooleanArray:
    return pc.invert(_is_literal(values))


def list_form(text: bytes) -> str:
    """Return how a text spells a list: what it begins with tells. Empty: as any does.

    >>> list_form(b'{a}'), list_form(b'["a"]'), list_form(b'[ 1.5]'), list_form(b'a,b'), list_form(b'[]')
    ('{', '["', '[1', ',', '[')
    """
    begin = text.lstrip()[:1].decode("ascii", "replace")
    if begin == "{":
        return "{"
    if begin != "[":
        return ","
    first = text.lstrip(b"[ \t\r\n")[:1].decode("ascii", "replace")
    if first in {"", "]", "n"}:
        return "["
    return "[1" if first.isdigit() or first == "-" else f"[{first}"


def _lost_spelling(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    own = list_form(context.time_example.encode())
    marks = []
    for text in values.cast(pa.binary()).to_pylist():
        form = own if text is None else list_form(text)
        marks.append(form != own and not (form == "[" == own[:1]) and not (own == "[" == form[:1]))
    return merge_bad(pa.array(marks, pa.bool_()))


LIST_RULES = (
    Rule(
        "text_to_array",
        StorageClass.TEXT,
        ValueKind.TEXT,
        _columnar,
        lambda value, _context: read_list(value),
        transform="text_to_array",
        changes=_becomes_literal,
        losses=(Loss(LIST_RESPELLED, _lost_spelling),),
    ),
)
