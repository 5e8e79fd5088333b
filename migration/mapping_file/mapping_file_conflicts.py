"""Whether what a mapping file asks of a column can be done where its type is given: an application made the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.mapping_file.mapping_file_reader import QUARANTINE
from migration.mapping_file_model import EpochUnit
from migration.model import StorageClass, ValueKind
from migration.value_conversion.number_epochs import INTERVAL_UNITS, rule_name
from migration.value_conversion.rules import BLANK_PADDED, RULES, rules_for
from migration.value_conversion.server_cast_rules import CAST_BY_SERVER, is_left_to_server
from migration.value_conversion.value_kinds import is_interval, is_known, kind_of, split_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.mapping_file_model import ColumnOverride

# https://www.postgresql.org/docs/current/datatype.html#DATATYPE-TABLE, as format_type() writes them.
_FULL_NAMES: Final[Mapping[str, str]] = {
    "int2": "smallint",
    "int": "integer",
    "int4": "integer",
    "int8": "bigint",
    "float4": "real",
    "float8": "double precision",
    "decimal": "numeric",
    "varchar": "character varying",
    "char": "character",
    "bpchar": "character",
    "bool": "boolean",
    "time": "time without time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}


def disagreements(asked: ColumnOverride | None, standing_type: str) -> Iterator[str]:
    """Yield a clause for each wish of a mapping file that the type of a column which stands already does not allow.

    >>> from migration.mapping_file_model import ColumnOverride
    >>> list(disagreements(ColumnOverride("n", type="integer"), "bigint"))
    ['the mapping file asks for integer, and the column stands there as bigint']
    >>> list(disagreements(ColumnOverride("n", type="varchar(9)"), "character varying(9)"))
    []
    """
    if asked is None:
        return
    if asked.type is not None and _full(asked.type) != _full(standing_type):
        yield f"the mapping file asks for {asked.type}, and the column stands there as {standing_type}"
    kind = kind_of(standing_type) if is_known(standing_type) else ValueKind.TEXT
    if _is_cast(standing_type) or is_left_to_server(asked, kind):
        kind = ValueKind.TEXT
    for storage_class, name in asked.rules:
        if name != QUARANTINE and not _gives(name, storage_class, standing_type, kind):
            yield f"the rule {name} of the mapping file gives no {standing_type}"
    counts = asked.epoch in INTERVAL_UNITS if is_interval(standing_type) else _counts(asked.epoch, kind)
    if asked.epoch is not None and not counts:
        yield f"epoch = {asked.epoch.value!r} in the mapping file gives no {standing_type}"


def _gives(name: str, storage_class: str, standing_type: str, kind: ValueKind) -> bool:
    if RULES[name].kind is not kind and not (
        _is_cast(standing_type) and RULES[name].kind is kind_of(standing_type)
    ):
        return False
    base, modifier = split_type(standing_type) if is_known(standing_type) else ("text", ())
    if base not in BLANK_PADDED or not modifier:
        return name != "text_to_char"
    return name in rules_for(standing_type).values() or storage_class != "text"


def _is_cast(standing_type: str) -> bool:
    return is_known(standing_type) and kind_of(standing_type) in CAST_BY_SERVER


def _counts(unit: EpochUnit | None, kind: ValueKind) -> bool:
    if unit is None or (unit is EpochUnit.JULIAN and kind is not ValueKind.TIMESTAMPTZ):
        return False
    return rule_name(unit, StorageClass.INTEGER, kind) in RULES


def _full(written: str) -> str:
    if not is_known(written):
        return written
    base, modifier = split_type(written)
    full = _FULL_NAMES.get(base, base)
    return f"{full}({','.join(map(str, modifier))})" if modifier else full
