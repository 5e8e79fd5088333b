"""How a report says things: numbers with units, and texts that are safe to print.

A name or a value of a stranger's database may hold anything: terminal escapes, line ends, reversed writing
directions, or a password in a URL. It passes through here before it becomes part of a report.
"""

from __future__ import annotations

import re
from typing import Final

from migration.secret_text import without_secrets

_BYTE_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")
# The joiners are invisible and yet part of words (Persian, Hindi) and of emoji.
_JOINERS: Final = frozenset("\u200c\u200d")
_RIGHT: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001eeff"
_RIGHT_TO_LEFT: Final = re.compile(f"[{_RIGHT}](?:[{_RIGHT}\u200c\u200d\\s\\d.,_-]*[{_RIGHT}])?")


def printable(text: str, limit: int | None = None) -> str:
    r"""Return the text with control and direction-changing characters written as escapes, cut to `limit` characters.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    cut = text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(
        char if char.isprintable() or char in _JOINERS else char.encode("unicode_escape").decode()
        for char in cut
    )


def shown_text(text: str) -> str:
    r"""Return text as a page shows it: controls as escapes but for line ends, right-to-left words kept to themselves.

    A name in Hebrew or Arabic would draw the figures beside it to its other side; the invisible marks around it
    (FIRST STRONG ISOLATE, https://www.unicode.org/reports/tr9/) keep it in its place.

    >>> shown_text("a\u202egpj.exe")
    'a\\u202egpj.exe'
    """
    if text.isascii() and text.isprintable():
        return text
    lines = "\n".join("\t".join(printable(part) for part in line.split("\t")) for line in text.split("\n"))
    return _RIGHT_TO_LEFT.sub(lambda found: f"\u2068{found[0]}\u2069", lines)


def clean_text(text: str) -> str:
    """Return a message of a server, line by line: it keeps its lines, and loses passwords and escapes."""
    return "\n".join(printable(line) for line in without_secrets(text).splitlines())


def preview(original: bytes, limit: int) -> str:
    """Return bytes as readable text: UTF-8 where they are, escapes where they are not."""
    text = original[: limit * 4].decode("utf-8", errors="backslashreplace")
    shown = printable(text, limit)
    return shown if shown.endswith("…") or len(original) <= limit * 4 else shown + "…"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun.

    >>> count(1, "row"), count(15607, "row"), count(2, "index", "indexes")
    ('1 row', '15,607 rows', '2 indexes')
    """
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number_bytes: float) -> str:
    """Return a size in the decimal unit that suits it.

    >>> size(999), size(1_540_000)
    ('999 B', '1.5 MB')
    """
    value = float(number_bytes)
    for unit in _BYTE_UNITS:
        # 999.95 would round to 1000.0 and belongs to the next unit already.
        if value < 999.95 or unit == _BYTE_UNITS[-1]:  # noqa: PLR2004
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError(number_bytes)


def duration(seconds: float) -> str:
    """Return a duration in the two units that suit it.

    >>> duration(0.0421), duration(7.25), duration(61), duration(3725)
    ('42 ms', '7.2 s', '1 min 1 s', '1 h 2 min')
    """
    if seconds < 0.9995:  # noqa: PLR2004
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def phrase(identifier: str) -> str:
    """Return the name of a phase or of a kind of finding as words.

    >>> phrase("completed_with_findings")
    'completed with findings'
    """
    return identifier.replace("_", " ")


def toml_name(name: str) -> str:
    """Return a key as TOML writes it."""
    if re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def toml_table(label: str, table: str) -> str:
    """Return the section of a mapping file that is about a table; without a label, about those of all sources."""
    start = f"sources.{toml_name(label)}." if label else ""
    return f"{start}tables.{toml_name(table)}"
