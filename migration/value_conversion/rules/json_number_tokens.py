"""The numbers of a JSON document, as numbers: what looks like one inside a string is none.

The parser itself says what is a number (`float_hook`), so that no pattern has to tell strings from what is around them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a numeric holds, and so a number in jsonb: https://www.postgresql.org/docs/current/datatype-numeric.html
_MOST_WHOLE_DIGITS: Final = 131_072
_MOST_FRACTION_DIGITS: Final = 16_383
_LONG: Final = 16_000
"""Digits of a number that may come near the limits; with an exponent, few do."""
_EXPONENT_DIGITS: Final = 9
_PARTS: Final = re.compile(r"-?(\d+)(?:\.(\d*))?(?:[eE]([+-]?)0*(\d*))?", re.ASCII)
# RFC 8259, sections 6 and 7. A string is passed over whole, so that nothing in it is looked at.
_TOKEN: Final = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|(-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)', re.DOTALL
)


def is_odd(number: str) -> bool:
    """Tell whether a number is so large, so small or so long that jsonb may not hold it as it is written.

    >>> is_odd("1e-400"), is_odd("1e-16384"), is_odd("1e131071"), is_odd("1e131072")
    (False, True, False, True)
    """
    if len(number) < _LONG and "e" not in number and "E" not in number:
        return False
    match = _PARTS.fullmatch(number)
    if match is None:
        return True
    whole, fraction, sign, exponent = match.groups()
    if exponent is not None and len(exponent) > _EXPONENT_DIGITS:
        return True
    shift = int(exponent or 0) * (-1 if sign == "-" else 1)
    return len(fraction or "") - shift > _MOST_FRACTION_DIGITS or len(whole) + shift > _MOST_WHOLE_DIGITS


class NumberReader:
    """A parser that gives no values: it takes numbers of any size, and keeps those with a point or an exponent."""

    def __init__(self) -> None:
        self._numbers: list[str] = []
        # A method of a builtin: what is called for each number must not cost a frame of Python's.
        self.decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(float_hook=self._numbers.append)
        """Reads documents, and gives None for these numbers; takes them whatever their size."""

    def found_odd(self) -> bool:
        """Tell whether one of the numbers read so far is odd (`is_odd`)."""
        written = "".join(self._numbers)
        if len(written) < _LONG and "e" not in written and "E" not in written:
            return False
        return any(is_odd(number) for number in self._numbers)


def numbers_in(document: bytes) -> Iterator[bytes]:
    r"""Yield the numbers of a well-formed document in their order, as they are written.

    >>> list(numbers_in(b'{"1e9": [-0, "2\\"3"], "a": 1.5e-7}'))
    [b'-0', b'1.5e-7']
    """
    for match in _TOKEN.finditer(document):
        if match[1] is not None:
            yield match[1]
