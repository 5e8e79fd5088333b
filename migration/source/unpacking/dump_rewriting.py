"""Parts of a dump that SQLite reads only in another spelling, or that an older SQLite does not know."""

from __future__ import annotations

import re
from typing import Final

_LITERAL: Final = re.compile(
    rb"(?P<encoded>\bunistr\(\s*(?P<within>'(?:[^']++|'')*+')\s*\))|(?P<text>'(?:[^']++|'')*+')"
    rb"|(?P<other>\"[^\"]*+\"|`[^`]*+`|\[[^\]]*+\]|--[^\n]*+|/\*.*?\*/)",
    re.IGNORECASE | re.DOTALL,
)
_OUTSIDE_OF_RANGE: Final = re.compile(rb"'(?:[^']++|'')*+'|\b(?P<word>Inf(?:inity)?)\b", re.IGNORECASE)
_EXTREME: Final = re.compile(rb"[0-9.][eE][-+]?(?:29|3[0-9])[0-9]\b")
_EXTREME_REAL: Final = re.compile(
    rb"'(?:[^']++|'')*+'|\"[^\"]*+\"|(?P<real>(?<![\w.])[0-9]*\.?[0-9]*[eE][-+]?(?:29|3[0-9])[0-9]\b)"
)
_INSERT: Final = re.compile(rb"(?:INSERT|REPLACE)\b", re.IGNORECASE)
_MOST_PARAMETERS: Final = 32_000
_ESCAPE: Final = re.compile(
    r"\\(?:(?P<backslash>\\)|u(?P<four>[0-9A-Fa-f]{4})|U(?P<eight>[0-9A-Fa-f]{8})|\+(?P<six>[0-9A-Fa-f]{6})"
    r"|(?P<bare>[0-9A-Fa-f]{4})|(?P<wrong>.?))",
    re.DOTALL,
)


def unistr(text: object) -> str | None:
    r"""Return a text with its escapes resolved, as SQLite's function of that name does from 3.50 on.

    https://www.sqlite.org/lang_corefunc.html#unistr: ``\\``, ``\XXXX``, ``\uXXXX``, ``\+XXXXXX``, ``\UXXXXXXXX``.

    Raises:
        ValueError: an escape is none of them.
    """
    return None if text is None else _ESCAPE.sub(_resolved, str(text))


def as_bytes(statement: bytes) -> str:
    """Return a statement whose texts hold NUL or bytes that are not UTF-8, with those texts spelled as bytes."""
    return _LITERAL.sub(_spelled, statement).decode(errors="replace").replace("\0", " ")


def with_infinities(statement: bytes) -> bytes:
    """Return a statement in which `Inf` and `Infinity`, as Python's iterdump and D1 write them, are numbers."""
    return _OUTSIDE_OF_RANGE.sub(lambda found: b"9e999" if found["word"] else found[0], statement)


def with_exact_reals(statement: bytes) -> tuple[bytes, list[float]]:
    """Return an INSERT with parameters for its reals of extreme exponents, and their values.

    SQLite reads the digits of a number with the precision that its host's `long double` has, and is a bit off below
    1e-290 or so; Python reads them exactly.
    """
    if _EXTREME.search(statement) is None or not _INSERT.match(statement):
        return statement, []
    values: list[float] = []

    def taken(found: re.Match[bytes]) -> bytes:
        if not found["real"] or len(values) == _MOST_PARAMETERS:
            return found[0]
        values.append(float(found["real"]))
        return b"?"

    return _EXTREME_REAL.sub(taken, statement), values


def _resolved(found: re.Match[str]) -> str:
    if found["backslash"]:
        return "\\"
    digits = found["four"] or found["eight"] or found["six"] or found["bare"]
    if digits is None:
        raise ValueError("invalid Unicode escape")
    return chr(int(digits, 16))


def _spelled(found: re.Match[bytes]) -> bytes:
    if found["encoded"] is not None:
        # Bytes that are no UTF-8 pass through as they are.
        text = unistr(_value(found["within"]).decode(errors="surrogateescape")) or ""
        value = text.encode(errors="surrogateescape")
    elif found["text"] is not None:
        value = _value(found["text"])
    else:
        return found[0]
    if b"\0" not in value and _is_utf8(value):
        return found[0]
    return b"CAST(X'" + value.hex().encode() + b"' AS TEXT)"


def _value(literal: bytes) -> bytes:
    return literal[1:-1].replace(b"''", b"'")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
