"""What `jsonb` does not keep of a document: keys that are said twice, and the sign of a zero.

White space, the order of keys and the notation of numbers mean nothing in JSON (RFC 8259), and are no loss.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa

from migration.value_conversion.named_losses import JSON_KEYS_DROPPED, NEGATIVE_ZERO
from migration.value_conversion.repeated_values import find_repeats
from migration.value_conversion.rules.conversion_rule import Context, Loss, merge_bad
from migration.value_conversion.rules.utf8_check import payload

if TYPE_CHECKING:
    from collections.abc import Callable

_STRING: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# Where a number may begin, and what it then begins with; inside a string that, too, may stand: the parser tells.
_NEGATIVE_ZERO: Final = re.compile(rb"-0(?![0-9])(?<![0-9A-Za-z.+-]-0)")
# Numbers with a point stay bytes: neither their values nor their range are looked at.
_decode = msgspec.json.Decoder(float_hook=msgspec.Raw).decode
_encode = msgspec.json.Encoder().encode
_ESCAPED_COLON: Final = b"\\u003"


def says_a_key_twice(document: bytes) -> bool:
    """Tell whether an object in a document has two members of one name.

    Each member has a colon outside strings, so where there are as many members as such colons, none was dropped.

    >>> says_a_key_twice(b'{"a": {"b": 1}, "c": ":"}'), says_a_key_twice(b'{"a": [{"b": 1, "b": 2}]}')
    (False, True)
    """
    colons = document.count(b":")
    if colons < 2:  # noqa: PLR2004 - one member has no other of its name
        return False
    try:
        value = _decode(document)
        if _ESCAPED_COLON not in document and keeps_members(document, value):
            return False
        members = _members(value)
        # Colons inside strings (times of day, addresses) are no members'.
        return members < colons and members < _STRING.sub(b"", document).count(b":")
    except msgspec.ValidationError:
        return _has_doubles(document)  # a number that no double holds; numeric does
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False  # no document: it goes to the quarantine


def says_negative_zero(document: bytes) -> bool:
    """Tell whether a document has a number that is zero and negative; `document` holds "-0" somewhere.

    >>> says_negative_zero(b'{"day": "2024-01-05", "a": 1e-07}'), says_negative_zero(b"[-0.0]")
    (False, True)
    """
    if not _NEGATIVE_ZERO.search(document):
        return False  # "-0" of a day, of a UUID, of an exponent
    found: list[str] = []

    def note(number: str) -> int:
        if number.startswith("-") and not number.strip("-0.").partition("e")[0].partition("E")[0].strip("0."):
            found.append(number)
        return 0

    try:
        json.loads(document, parse_int=note, parse_float=note)
    except (ValueError, RecursionError):
        return False
    return bool(found)


def _members(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum(_members(part) for part in value.values() if type(part) in {dict, list})
    if type(value) is list:
        return sum(_members(part) for part in value if type(part) in {dict, list})
    return 0


def _has_doubles(document: bytes) -> bool:
    doubles = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal doubles
        doubles = doubles or len({name for name, _ in pairs}) < len(pairs)

    json.loads(document, object_pairs_hook=look)
    return doubles


def _marked(values: pa.Array, test: Callable[[bytes], bool]) -> pa.BooleanArray | None:
    repeated = find_repeats(values)
    documents = repeated.values.cast(pa.binary()).to_pylist()
    marks = [document is not None and test(document) for document in documents]
    return merge_bad(repeated.spread(pa.array(marks, pa.bool_()))) if any(marks) else None


def _lost_keys(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    return None if context.keeps_document else _marked(values, says_a_key_twice)


def _lost_signs(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    if context.keeps_document or b"-0" not in payload(values):
        return None
    return _marked(values, lambda document: b"-0" in document and says_negative_zero(document))


def _loses(document: bytes) -> bool:
    return says_a_key_twice(document) or (b"-0" in document and says_negative_zero(document))


def count_losing(values: pa.Array) -> int:
    """Return how many documents of an array lose something in `jsonb`."""
    return sum(map(_loses, values.cast(pa.binary()).drop_null().to_pylist()))


def may_keep_all(data: bytes) -> bool:
    """Tell whether `keeps_members` has the word on documents of these bytes: no zero is negative, no colon escaped."""
    return _ESCAPED_COLON not in data and not (b"-0" in data and _NEGATIVE_ZERO.search(data))


def keeps_members(document: bytes, value: Any) -> bool:
    """Tell whether a document says no key twice: what is written back has all its colons, so no member was dropped.

    Args:
        document: one without escaped colons.
        value: what was read from it; in the place of numbers there may stand anything that has no colon.
    """
    colons = document.count(b":")
    return (type(value) is dict and len(value) == colons) or _encode(value).count(b":") == colons


DOCUMENT_LOSSES = (Loss(JSON_KEYS_DROPPED, _lost_keys), Loss(NEGATIVE_ZERO, _lost_signs))
