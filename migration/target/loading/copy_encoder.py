"""Logical Arrow batches to the bytes of ``COPY ... (FORMAT binary)``.

pgpq encodes whole columns. It has no encoder for numerics of varying scale nor for uuid, so these arrive there as
ready-made wire bytes (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pgpq
import pyarrow as pa
from pgpq import encoders
from pgpq import schema as pg

from migration.errors import InternalError
from migration.model import ColumnPlan, ValueKind
from migration.target.loading.numeric_wire_format import encode_numerics, fixed_offsets
from migration.value_conversion.packed_values import UUID_BYTES, pack_uuids
from migration.value_conversion.value_kinds import ARROW_TYPES, split_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BUILDERS: dict[ValueKind, Callable[[pa.Field[Any]], Any]] = {
    ValueKind.INT16: encoders.Int16EncoderBuilder,
    ValueKind.INT32: encoders.Int32EncoderBuilder,
    ValueKind.INT64: encoders.Int64EncoderBuilder,
    ValueKind.FLOAT32: encoders.Float32EncoderBuilder,
    ValueKind.FLOAT64: encoders.Float64EncoderBuilder,
    ValueKind.NUMERIC: encoders.BinaryEncoderBuilder,
    ValueKind.TEXT: encoders.StringEncoderBuilder,
    ValueKind.BYTES: encoders.BinaryEncoderBuilder,
    ValueKind.BOOL: encoders.BooleanEncoderBuilder,
    ValueKind.DATE: encoders.Date32EncoderBuilder,
    ValueKind.TIME: encoders.Time64MicrosecondEncoderBuilder,
    ValueKind.TIMESTAMP: encoders.TimestampMicrosecondEncoderBuilder,
    ValueKind.TIMESTAMPTZ: encoders.TimestampMicrosecondEncoderBuilder,
    ValueKind.JSON: encoders.StringEncoderBuilder,
    ValueKind.UUID: encoders.BinaryEncoderBuilder,
}

# The signature, no flags, no header extension; and the count of fields -1 that ends the data.
_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"
_ROW_WITHOUT_FIELDS = b"\0\0"


class CopyEncoder:
    """Encodes the batches of one COPY. ``header() + encode(...)* + finish()`` is the whole stream.

    pgpq holds bytes back between calls: only all parts together, in order, are valid.

    Args:
        columns: what travels, in the order of the COPY's column list. None is right too: then the rows
            have no fields (a table of which every column is generated).
    """

    def __init__(self, columns: Sequence[ColumnPlan]) -> None:
        self._columns = tuple(columns)
        # Positions as names: pgpq keeps encoders by name, and the names of a source are of no matter here.
        self._schema = pa.schema(
            [
                (
                    f"c{position}",
                    pa.binary() if column.kind in _WIRE_BYTES else ARROW_TYPES[column.kind],
                )
                for position, column in enumerate(self._columns)
            ]
        )
        # pgpq refuses a schema without columns.
        self._encoder: Any = self._columns and pgpq.ArrowToPostgresBinaryEncoder.new_with_encoders(
            self._schema,
            {
                field.name: _builder(field, column)
                for field, column in zip(self._schema, self._columns, strict=True)
            },
        )

    def header(self) -> bytes:
        """Return the first bytes of the stream."""
        data: bytes = self._encoder.write_header() if self._encoder else _HEADER
        return data

    def encode(self, batch: pa.RecordBatch) -> bytes:
        """Return the bytes of a logical batch; its columns stand in the order of the plan's, and may be packed.

        Raises:
            PermanentError: a column has another type than its plan says.
        """
        if not self._encoder:
            return _ROW_WITHOUT_FIELDS * int(batch.num_rows)
        arrays = [
            _WIRE_BYTES[column.kind](array) if column.kind in _WIRE_BYTES else array
            for array, column in zip(batch.columns, self._columns, strict=True)
        ]
        try:
            ready = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
            raise InternalError(f"Converted values do not have the types of their plan: {error}") from error
        data: bytes = self._encoder.write_batch(ready)
        return data

    def finish(self) -> bytes:
        """Return what was held back, and the end mark."""
        data: bytes = self._encoder.finish() if self._encoder else _TRAILER
        return data


def encode_uuids(values: pa.Array[Any]) -> pa.Array[Any]:
    """Encode UUIDs as PostgreSQL writes them: texts or packed ones to binary array of 16 bytes for each.

    Raises:
        InternalError: a value is not a UUID.
    """
    packed = pack_uuids(values)
    validity, data = packed.buffers()
    offsets = fixed_offsets(packed.offset + len(packed), UUID_BYTES)
    return pa.Array.from_buffers(pa.binary(), len(packed), [validity, offsets, data], offset=packed.offset)


_WIRE_BYTES: dict[ValueKind, Callable[[pa.Array[Any]], pa.Array[Any]]] = {
    ValueKind.NUMERIC: encode_numerics,
    ValueKind.UUID: encode_uuids,
}
"""Kinds that pgpq gets as ready-made wire bytes."""


def _builder(field: pa.Field[Any], column: ColumnPlan) -> Any:
    if column.kind is ValueKind.JSON and split_type(column.target_type)[0] == "jsonb":
        return encoders.StringEncoderBuilder.new_with_output(field, pg.Jsonb())
    return _BUILDERS[column.kind](field)
