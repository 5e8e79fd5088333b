"""What `jsonb` does not keep of a document: keys that are said twice, and the sign of a zero.

White space, the order of keys and the notation of numbers mean nothing in JSON (RFC 8259), and are no loss.
"""

from __future__ import annotations

import json
import re
from itertools import islice
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
_MOST_REMEMBERED: Final = 10_000
_LONGEST_REMEMBERED: Final = 1_000  # bytes
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
        if type(value) is dict and len(value) == colons:
            return False  # by far the most of them: an object without others inside
        if _ESCAPED_COLON not in document and _encode(value).count(b":") == colons:
            return False  # what is written back lacks no colon, so no member was dropped
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


class LosingDocuments:
    """Counts the documents of a column that lose something in `jsonb`, batch after batch.

    Documents of a column repeat from batch to batch: of those that lose nothing, some thousands are remembered.
    """

    def __init__(self) -> None:
        self._lossless: set[bytes] = set()

    def count(self, values: pa.Array) -> int:
        """Return how many documents of a batch lose something. A document should be in it once."""
        documents = values.cast(pa.binary()).drop_null().to_pylist()
        unknown = [document for document in documents if document not in self._lossless]
        losing = {document for document in unknown if _loses(document)}
        room = _MOST_REMEMBERED - len(self._lossless)
        short = (d for d in unknown if len(d) <= _LONGEST_REMEMBERED and d not in losing)
        self._lossless.update(islice(short, room))
        return len(losing)


DOCUMENT_LOSSES = (Loss(JSON_KEYS_DROPPED, _lost_keys), Loss(NEGATIVE_ZERO, _lost_signs))
