"""Documents of one application have the same members again and again: who knows them reads and writes faster.

The members of one document become a struct of msgspec's, whose fields stand in the order in which its encoder sorts
names. To read into it makes no dictionaries, and to write it sorts nothing; what is written is, byte for byte, what
would have been. A document with any other member raises an error, and is read as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    Decode: TypeAlias = "Callable[[bytes], Any]"

_MOST_MEMBERS: Final = 64
_MOST_LEVELS: Final = 4
_KNOWN: Final = 64
"""Kinds of documents whose decoders a process keeps: to make one takes as long as some hundred documents."""
_TYPE_NAME: Final = "Members"


@dataclass(frozen=True, slots=True)
class _Members:
    """The names of an object's members, each with what is known of the objects in it; or of all objects in a list."""

    names: tuple[tuple[str, _Members | None], ...]
    are_in_list: bool = False

    def count(self) -> int:
        return len(self.names) + sum(part.count() for _, part in self.names if part is not None)


def decoder_like(document: Any, float_hook: Callable[[str], Any]) -> Decode | None:
    """Return what reads documents that have members of this one and no others; None where nothing is gained.

    Args:
        document: as it is read from what the encoder has written, so that its members stand in that order.
        float_hook: as for msgspec's decoder. Whatever is no known object is read as a decoder without a type reads it.

    Returns:
        A function that raises msgspec.ValidationError for a document that has other members.
    """
    members = _members_of(document, 0)
    if members is None or members.are_in_list or members.count() > _MOST_MEMBERS:
        return None
    return _decoder(members, float_hook)


def _members_of(value: Any, level: int) -> _Members | None:
    is_list = type(value) is list
    one = value[0] if is_list and value else value
    if type(one) is not dict or not one or level >= _MOST_LEVELS:
        return None
    return _Members(tuple((name, _members_of(part, level + 1)) for name, part in one.items()), is_list)


@lru_cache(_KNOWN)
def _decoder(members: _Members, float_hook: Callable[[str], Any]) -> Decode | None:
    try:
        return msgspec.json.Decoder(_type(members), float_hook=float_hook).decode
    except (TypeError, ValueError):  # a name that a field may not have
        return None


def _type(members: _Members) -> Any:
    # One that a document lacks is not written either.
    fields = [
        (f"f{number}", Any if part is None else _type(part) | None, msgspec.UNSET)
        for number, (_, part) in enumerate(members.names)
    ]
    names = {f"f{number}": name for number, (name, _) in enumerate(members.names)}
    # No struct can be part of itself, so there is nothing for the collector of garbage to find.
    one = msgspec.defstruct(_TYPE_NAME, fields, rename=names, forbid_unknown_fields=True, gc=False)
    return list[one] if members.are_in_list else one  # type: ignore[valid-type]
