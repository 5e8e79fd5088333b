"""Looks at the bytes of whole string arrays, which the SQLite reader hands over unchecked."""

from __future__ import annotations

import pyarrow as pa


def payload(values: pa.Array) -> bytes:
    """Return the bytes of all values of a string or binary array, one after the other."""
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return b""
    bounds = memoryview(offsets).cast("i")
    return bytes(memoryview(data)[bounds[values.offset] : bounds[values.offset + len(values)]])


def is_clean(values: pa.Array, data: bytes) -> bool:
    """Tell whether every value is UTF-8 without NUL. `data` is the array's payload.

    Joined payloads can be UTF-8 where single values are not, so beyond ASCII Arrow checks each value.
    """
    if b"\0" in data:
        return False
    if data.isascii():
        return True
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def bad_utf8(values: pa.Array) -> pa.BooleanArray:
    """Mark the values that are not UTF-8. Null is not bad."""
    return pa.array(
        [value is not None and not is_utf8(value) for value in values.cast(pa.binary()).to_pylist()],
        pa.bool_(),
    )


def is_utf8(value: bytes) -> bool:
    """Tell whether the bytes of one text are UTF-8, as Python's strict decoder reads it."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
