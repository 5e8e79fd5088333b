"""What a thread or a request is at: fields that every log line gets while they are bound.

A variable of the context, so that threads, requests and pool children each have their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

Fields = Mapping[str, str | int]

_NONE: Final[Fields] = MappingProxyType({})
_bound: ContextVar[Fields] = ContextVar("convoy_log_fields", default=_NONE)


@contextmanager
def log_fields(**fields: str | int | None) -> Iterator[None]:
    """Add fields to every log line of this context until the block ends; those that are None are left out."""
    known = {name: value for name, value in fields.items() if value is not None}
    token = _bound.set({**_bound.get(), **known})
    try:
        yield
    finally:
        _bound.reset(token)


def bound_fields() -> Fields:
    """Return the fields that are bound now."""
    return _bound.get()
