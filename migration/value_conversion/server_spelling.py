"""Whether a value that only the server knows (uuid, interval, arrays, ranges) still says all of the text it came from.

No list of types: the server has taken the text in as an assignment would, and writes the value back. White space around
brackets and commas, quotes that are not needed, and hyphens inside a word (uuid) say nothing; all else does.
"""

from __future__ import annotations

import re
from typing import Final

from migration.value_conversion.rules.uuid_rules import is_spelled_as

_TOKEN: Final = re.compile(r'"((?:[^"\\]|\\.|"")*)"|([,;{}()\[\]<>=])|([^",;{}()\[\]<>=]+|")', re.DOTALL)
_ESCAPED: Final = re.compile(r'\\(.)|"(")', re.DOTALL)
_INNER_HYPHEN: Final = re.compile(r"(?<=[0-9a-f])-(?=[0-9a-f])")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-?)(?:[0-9a-fA-F]{4}\1){3}[0-9a-fA-F]{12}")
_HYPHENLESS_UUID: Final = re.compile(r"[0-9a-f]{32}")


def is_kept(text: str, written: str, example: str = "") -> bool:
    """Tell whether a text can be had back from what the server writes of it.

    Args:
        text: the source's.
        written: the server's.
        example: of the one spelling that the UUIDs of the column have, if they have one.

    >>> is_kept("{1, 2}", "{1,2}"), is_kept("1 year 2 mons", "1 year"), is_kept("{+1}", "{1}")
    (True, False, False)
    """
    if text == written or (_is_uuid(written) and _is_uuid(example) and is_spelled_as(text, example)):
        return True
    one, other = _words(text), _words(written)
    if one == other:
        return True
    # A column of uuids without hyphens, as Django has them in SQLite.
    return len(one) == len(other) and all(_is_same_uuid(a, b) for a, b in zip(one, other, strict=True))


def _is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def _is_same_uuid(one: str, other: str) -> bool:
    return one == other or (
        _HYPHENLESS_UUID.fullmatch(one) is not None and _INNER_HYPHEN.sub("", other) == one
    )


def _words(text: str) -> list[str]:
    """Return brackets, commas and what is between them; of quoted words what they mean, of others without blanks."""
    found = _TOKEN.findall(text)
    if len(found) == 1 and found[0][2]:
        return [text]  # no structure: blanks at the ends may be the value's own
    words: list[str] = []
    for quoted, separator, plain in found:
        if separator:
            words.append(separator)
        elif not plain:
            words.append(_ESCAPED.sub(lambda match: match[1] or match[2], quoted))
        elif plain.strip():
            words.append(plain.strip())
    return words
