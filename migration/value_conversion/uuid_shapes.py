"""What the values of a column look like as UUIDs: counted while it is profiled, judged when its type is chosen."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass
from migration.value_conversion.rules.utf8_check import payload
from migration.value_conversion.rules.uuid_rules import (
    UUID_BYTES,
    are_all_canonical,
    hex_digits,
    spelling_form,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.model import ColumnProfile

EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lower": "abcdefab-cdef-abcd-efab-cdefabcdefab",
        "upper": "ABCDEFAB-CDEF-ABCD-EFAB-CDEFABCDEFAB",
        "lower hex": "abcdefabcdefabcdefabcdefabcdefab",
        "upper hex": "ABCDEFABCDEFABCDEFABCDEFABCDEFAB",
    }
)
"""Spelling → a UUID in it. A text without letters has two of them."""
VERSIONED: Final = "versioned"
"""Texts that say a version and the variant of RFC 9562, as no hash does but by chance (one in eight)."""
_TEXT_LENGTH: Final = 36
_LENGTHS: Final = frozenset({32, _TEXT_LENGTH})
_VERSION_PLACE: Final = 14
_VARIANT_PLACE: Final = 19
_VERSIONED_FORM: Final = r"(?i)^[0-9a-f]{8}-?[0-9a-f]{4}-?[1-8][0-9a-f]{3}-?[89ab]"
_SHAPES: Final = ("as written", "turned")
_VERSIONS: Final = frozenset("12345678")


def count_shapes(storage_class: StorageClass, values: pa.Array) -> Counter[str]:
    """Return how many values of a slot have which shape of a UUID; nothing where their lengths speak against all."""
    ends = pc.min_max(pc.binary_length(values))
    if ends["min"].as_py() is None or ends["min"].as_py() != ends["max"].as_py():
        return Counter()
    length = ends["max"].as_py()
    if storage_class is StorageClass.BLOB and length == UUID_BYTES:
        return _blobs(values.drop_null())
    if storage_class is not StorageClass.TEXT or length not in _LENGTHS or not payload(values).isascii():
        return Counter()
    if are_all_canonical(values):
        return _canonical(values)
    found: Counter[str] = Counter()
    for name, example in EXAMPLES.items():
        if len(example) == length:
            found[name] = _matches(values, spelling_form(example))
    if +found:
        found[VERSIONED] = _matches(values, _VERSIONED_FORM)
    return +found


def _canonical(values: pa.Array) -> Counter[str]:
    """Count what canonical texts are besides. They are upper case, too, where none has a letter: else not all are."""
    data = payload(values)
    versions, variants = data[_VERSION_PLACE::_TEXT_LENGTH], data[_VARIANT_PLACE::_TEXT_LENGTH]
    count = len(versions)
    all_versioned = not (versions.translate(None, b"12345678") or variants.translate(None, b"89ab"))
    return +Counter(
        {
            "lower": count,
            "upper": 0 if data.translate(None, b"0123456789-") else count,
            VERSIONED: count if all_versioned else _matches(values, _VERSIONED_FORM),
        }
    )


def _matches(values: pa.Array, form: str) -> int:
    count: int = pc.sum(pc.match_substring_regex(values, form)).as_py() or 0
    return count


def _blobs(values: pa.Array) -> Counter[str]:
    """Count the versions that 16 bytes say: those of another order say any, or none."""
    digits = hex_digits(values)
    variant = pc.is_in(pc.utf8_slice_codeunits(digits, 16, 17), value_set=pa.array(list("89ab")))
    found: Counter[str] = Counter()
    for shape, place in zip(_SHAPES, (12, 14), strict=True):
        version = pc.if_else(variant, pc.utf8_slice_codeunits(digits, place, place + 1), "?")
        for item in pc.value_counts(version).to_pylist():
            found[f"{shape} {item['values']}"] += item["counts"]
    return found


def spelling(profile: ColumnProfile) -> str | None:
    """Return an example of the one spelling that all texts of a column have; None where they have no such."""
    texts = profile.count(StorageClass.TEXT) - profile.texts_to_null
    return next((e for name, e in EXAMPLES.items() if profile.uuid_shapes.get(name, 0) == texts), None)


def are_all_lower(profile: ColumnProfile) -> bool:
    """Tell whether every text of a column is a UUID as PostgreSQL writes it."""
    return profile.uuid_shapes.get("lower", 0) == profile.count(StorageClass.TEXT)


def all_blobs_are_uuids(profile: ColumnProfile) -> bool:
    """Tell whether every blob of a column has the 16 bytes of a UUID."""
    counted = sum(count for shape, count in profile.uuid_shapes.items() if shape.startswith(_SHAPES[0]))
    return counted == profile.count(StorageClass.BLOB)


def blob_rule(profile: ColumnProfile) -> str:
    """Return the rule for the blobs of a column: by the order of bytes in which all of them say a version.

    Where both do, as one in eight chances has it for each value, fewer versions are the likelier.
    """
    written, turned = (
        {shape.removeprefix(f"{order} ") for shape in profile.uuid_shapes if shape.startswith(f"{order} ")}
        for order in _SHAPES
    )
    fits = [bool(found) and found <= _VERSIONS for found in (written, turned)]
    if fits[1] and (not fits[0] or len(turned) < len(written)):
        return "guid_blob_to_uuid"
    return "blob_to_uuid"
