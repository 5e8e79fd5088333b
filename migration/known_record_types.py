"""Types of records are made known to msgspec by one thread at a time.

msgspec 0.22 writes what it has learnt of a dataclass into the class before it has learnt all of it, so that types may
lead to themselves. Another thread that decodes such a record at this moment ends the process (SIGSEGV): two requests
that arrive together at an API that has just started.
"""

from __future__ import annotations

import threading
from typing import TypeVar

import msgspec

Record = TypeVar("Record")

_known: set[object] = set()
_first_use = threading.Lock()


def known(record_type: type[Record]) -> type[Record]:
    """Return the type, once msgspec knows all of it; every type that is decoded in a thread goes through here."""
    if record_type not in _known:
        with _first_use:
            msgspec.json.Decoder(record_type)
            _known.add(record_type)
    return record_type
