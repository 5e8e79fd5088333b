"""The losses, by name: what of a source's value may not be had back from the target's value. Data, not code.

The rule: a value of the source equals a value of the target if and only if it can be had back from it, that is, if the
target's value, spelled as the column's declared type spells it, is the source's value. What is declared a number, a
time, a boolean or a document means that number, moment, truth or document, however it is spelled; all else is its text.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from migration.model import StorageClass, ValueKind
from migration.value_conversion.number_epochs import (
    CALENDAR_KINDS,
    EPOCHS,
    INTERVAL_UNITS,
    WRITTEN,
    interval_rule_name,
    rule_name,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.value_conversion.number_epochs import NumberEpoch

NUL_STRIPPED: Final = "nul_stripped"
EMPTY_TO_NULL: Final = "empty_to_null"
NEGATIVE_ZERO: Final = "negative_zero_to_zero"
ROUNDED_TO_REAL: Final = "rounded_to_real"
FRACTION_ROUNDED: Final = "fraction_rounded"
NUMBER_RESPELLED: Final = "number_respelled"
BOOLEAN_RESPELLED: Final = "boolean_respelled"
TIME_RESPELLED: Final = "time_respelled"
OFFSET_DROPPED: Final = "offset_dropped"
AMBIGUOUS_HOUR: Final = "ambiguous_hour"
UUID_RESPELLED: Final = "uuid_respelled"
LIST_RESPELLED: Final = "list_respelled"
JSON_KEYS_DROPPED: Final = "json_keys_dropped"
CLASS_DROPPED: Final = "class_dropped"
CUT_BY_TYPE: Final = "cut_by_type"
RESPELLED_BY_SERVER: Final = "respelled_by_server"
TARGET_ROW_KEPT: Final = "target_row_kept"
ORPHAN_TO_NULL: Final = "orphan_to_null"
"""The transform of `--on-orphan set-null`, too."""

OFFSET_TO_UTC: Final = "offset_to_utc"
"""No loss: of a column of moments it is counted, and told."""

LOSSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        NUL_STRIPPED: "the character NUL was taken out",
        EMPTY_TO_NULL: "'' became NULL",
        NEGATIVE_ZERO: "zero lost its sign",
        ROUNDED_TO_REAL: "a double was rounded to a 4-byte real",
        FRACTION_ROUNDED: "seconds were rounded to the microsecond",
        NUMBER_RESPELLED: "a number does not keep the spelling of a text, such as '007' or '+49123'",
        BOOLEAN_RESPELLED: "a boolean does not keep the spelling of a text",
        TIME_RESPELLED: "a text spells a time otherwise than its column does",
        OFFSET_DROPPED: "the offset from UTC is not kept, nor a sign that there was one",
        AMBIGUOUS_HOUR: "a clock shows this hour twice",
        UUID_RESPELLED: "a text spells a UUID otherwise than its column does",
        LIST_RESPELLED: "a text spells a list otherwise than its column does",
        JSON_KEYS_DROPPED: "of a key that a document says twice, jsonb keeps the last",
        CLASS_DROPPED: "values of two storage classes can no longer be told apart, such as 5 and '5'",
        CUT_BY_TYPE: "the column's type cut or rounded them",
        RESPELLED_BY_SERVER: "the server spells a text otherwise",
        TARGET_ROW_KEPT: "another row stood under its key, and was kept",
        ORPHAN_TO_NULL: "a reference to a row that is not there became NULL",
        "nul_replaced": "the character NUL was replaced",
        "nfc_normalised": "characters were composed",
        "trimmed": "white space at the ends was taken off",
        "lowered": "capitals became small letters",
    }
)
"""Name → what happened to the values."""


def _losses_of_epoch(epoch: NumberEpoch, storage_class: StorageClass, kind: ValueKind) -> tuple[str, ...]:
    is_rounded = epoch.is_finer or storage_class is StorageClass.REAL
    is_clock = kind is ValueKind.TIMESTAMP and not epoch.is_day
    return (FRACTION_ROUNDED,) * is_rounded + (AMBIGUOUS_HOUR,) * is_clock


TRANSFORM_LOSSES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "text_to_number": (NUMBER_RESPELLED,),
        "text_to_boolean": (BOOLEAN_RESPELLED,),
        "real_to_integer": (NEGATIVE_ZERO,),
        "integer_to_text": (CLASS_DROPPED,),
        "real_to_text": (CLASS_DROPPED,),
        "blob_to_text": (CLASS_DROPPED,),
        "text_to_bytes": (CLASS_DROPPED,),
        "integer_to_bytes": (CLASS_DROPPED,),
        "real_to_bytes": (CLASS_DROPPED,),
        **{
            rule_name(unit, storage_class, kind): losses
            for unit, storage_class in WRITTEN
            for kind in CALENDAR_KINDS
            if (losses := _losses_of_epoch(EPOCHS[unit], storage_class, kind))
        },
        "duration_to_interval": (FRACTION_ROUNDED,),
        **{
            interval_rule_name(unit, storage_class): (FRACTION_ROUNDED,)
            for unit, storage_class in WRITTEN
            if unit in INTERVAL_UNITS and (EPOCHS[unit].is_finer or storage_class is StorageClass.REAL)
        },
        "julian_to_timestamp": (AMBIGUOUS_HOUR,),
    }
)
"""Transform that loses something of some values → the losses that it may come to. Both names may be signed for."""
