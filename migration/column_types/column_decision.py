"""Decides what becomes of a column: from its declaration (`candidate`), then from what it holds (`decide`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.column_types.declared_type import DeclaredType, read_declared
from migration.column_types.epoch_unit import (
    is_core_data,
    propose_integer_unit,
    propose_real_unit,
)
from migration.column_types.type_widening import TIMESTAMPTZ, Choice, Evidence, choose
from migration.column_types.whole_days import CALENDAR_KINDS, find_integer_unit, question
from migration.mapping_file.mapping_file_allowed_types import TYPE_OF_KIND
from migration.mapping_file.mapping_file_reader import QUARANTINE
from migration.mapping_file_model import ColumnOverride, EpochUnit, NulPolicy
from migration.model import ColumnPlan, StorageClass, ValueKind
from migration.value_conversion.number_epochs import (
    EPOCHS,
    INTERVAL_UNITS,
    interval_rule_name,
    rule_name,
    words_of,
)
from migration.value_conversion.rules import BLANK_PADDED, RULES, Context, Misfit, or_null_name, rules_for
from migration.value_conversion.rules.epoch_rules import JULIAN_DAYS
from migration.value_conversion.uuid_shapes import blob_rule, spelling
from migration.value_conversion.value_kinds import kind_of, split_type

if TYPE_CHECKING:
    from migration.model import ColumnProfile
    from migration.source_schema import SourceColumn, SourceTable

_NATURAL_CLASSES = {
    ValueKind.INT16: StorageClass.INTEGER,
    ValueKind.INT32: StorageClass.INTEGER,
    ValueKind.INT64: StorageClass.INTEGER,
    ValueKind.BOOL: StorageClass.INTEGER,
    ValueKind.FLOAT32: StorageClass.REAL,
    ValueKind.FLOAT64: StorageClass.REAL,
    ValueKind.NUMERIC: StorageClass.REAL,
    ValueKind.BYTES: StorageClass.BLOB,
}
_DATES = CALENDAR_KINDS
_TIMES = _DATES | {ValueKind.TIME}
_NUMBERS = frozenset(
    {
        ValueKind.INT16,
        ValueKind.INT32,
        ValueKind.INT64,
        ValueKind.FLOAT32,
        ValueKind.FLOAT64,
        ValueKind.NUMERIC,
    }
)
_NUMBER_CLASSES = frozenset({StorageClass.INTEGER, StorageClass.REAL})
_OWN_EMPTY = frozenset({ValueKind.TEXT, ValueKind.BYTES})


def candidate(column: SourceColumn, table: SourceTable) -> ColumnPlan:
    """Return the plan that the declaration alone asks for, or the mapping file in its place.

    A column without a declared type is planned as text until its profile is known. `target_name` is the source's.
    """
    declared = read_declared(column.declared_type)
    asked = column.override or ColumnOverride(column.name)
    fixed = _fixed_type(asked, declared)
    target_type = fixed or declared.target_type or "text"
    kind = kind_of(target_type)
    rules = rules_for(target_type)
    if kind in _DATES and (fixed is None or kind is ValueKind.TIMESTAMPTZ):
        unit = EpochUnit.SECONDS_2001 if is_core_data(table) else EpochUnit.JULIAN
        rules[StorageClass.REAL] = rule_name(unit, StorageClass.REAL, ValueKind.TIMESTAMPTZ)
    reason = _declared_reason(column, declared) if fixed is None else f"{fixed} by the mapping file"
    return ColumnPlan(
        name=column.name,
        target_name=column.name,
        declared_type=column.declared_type,
        target_type=target_type,
        kind=kind,
        rules=_with_asked(rules, asked, kind),
        reason=reason + _asked_notes(asked),
        not_null=_not_null(column, table),
        normalise=asked.normalise,
        nul_replacement=None if asked.nul in {None, NulPolicy.QUARANTINE} else asked.nul_replacement,
        source_timezone=asked.timezone,
    )


def wider(column: ColumnPlan) -> ColumnPlan | None:
    """Return the plan to count `ColumnProfile.accepted_wider` with; None where no wider type is worth a look."""
    if column.kind not in _DATES:
        return None
    rules = rules_for(TIMESTAMPTZ) | {StorageClass.REAL: "epoch_fraction_to_timestamptz"}
    return replace(column, target_type=TIMESTAMPTZ, kind=ValueKind.TIMESTAMPTZ, rules=rules)


def decide(column: SourceColumn, table: SourceTable, profile: ColumnProfile) -> ColumnPlan:
    """Return the plan for a column whose every value has been looked at.

    The profile has the last word on the type, but where the mapping file fixes it.
    """
    natural = candidate(column, table)
    declared = read_declared(column.declared_type)
    asked = column.override or ColumnOverride(column.name)
    if sum(map(profile.count, profile.classes)) == profile.texts_to_null:
        natural_class = _NATURAL_CLASSES.get(natural.kind, StorageClass.TEXT)
        rules = {natural_class: rules_for(natural.target_type)[natural_class]}
        rules = _with_asked(rules, replace(asked, epoch=None), natural.kind)
        kept = replace(natural, rules=rules, reason=f"{natural.reason}; holds no values")
        return _with_null(kept, profile)
    if asked.fixes_type:
        plan = _fixed(natural, asked, natural.target_type, profile, natural.reason, table)
        return _with_null(plan, profile)
    evidence = _evidence(natural, profile, table)
    choice = choose(column.declared_type, declared.target_type, evidence)
    if not declared.target_type:
        reason = f"No declared type, {choice.because}"
    elif choice.because:
        reason = choice.because
    else:
        reason = _declared_reason(column, declared)
    plan = _plan(
        natural, asked, choice, profile, reason + _asked_notes(asked) + _proposal(column, choice, profile)
    )
    return _with_null(plan, profile)


def proposed_unit(column: SourceColumn, kind: ValueKind, profile: ColumnProfile) -> EpochUnit | None:
    """Return what the numbers of a column count that stays one of numbers, where exactly one reading is plausible."""
    if kind not in _NUMBERS or column.pk_position or not set(profile.classes) <= _NUMBER_CLASSES:
        return None
    units = set()
    if profile.int_min is not None and profile.int_max is not None:
        units.add(propose_integer_unit(column.name, profile.int_min, profile.int_max))
    if profile.real_min is not None and profile.real_max is not None and not profile.real_nonfinite:
        units.add(propose_real_unit(column.name, profile.real_min, profile.real_max))
    return units.pop() if len(units) == 1 else None


def _proposal(column: SourceColumn, choice: Choice, profile: ColumnProfile) -> str:
    unit = proposed_unit(column, kind_of(choice.target_type), profile)
    if unit is None:
        return ""
    words = words_of(rule_name(unit, StorageClass.REAL, ValueKind.TIMESTAMPTZ))
    return f'; its numbers read as {words}: epoch = "{unit}" in a mapping file makes them times'


def fit(
    column: SourceColumn, table: SourceTable, target_type: str, profile: ColumnProfile | None
) -> ColumnPlan:
    """Return the plan for a column whose PostgreSQL type is already fixed: the application has made the table.

    Values that the type cannot hold go to the quarantine. Without a profile, integers in date columns are seconds.

    Raises:
        PermanentError: Convoy has no way to move values into this type.
    """
    natural = candidate(column, table)
    reason = f"The target's column is {target_type}"
    if profile is None or not profile.classes:
        return replace(
            natural,
            target_type=target_type,
            kind=kind_of(target_type),
            rules=rules_for(target_type),
            reason=reason,
        )
    asked = column.override or ColumnOverride(column.name)
    return _fixed(natural, asked, target_type, profile, reason, table)


def fit_interval(column: SourceColumn, table: SourceTable) -> ColumnPlan:
    """Return the plan for a column that stands as an interval: its values become texts that the server casts.

    Texts are 1970-01-01 plus a duration (SQLAlchemy), .NET's time spans, or what PostgreSQL reads itself. A number does
    not say what it counts: a mapping file does (`epoch`), or else the declaration, where one library writes it.
    """
    natural = candidate(column, table)
    asked = column.override or ColumnOverride(column.name)
    rules = {StorageClass.TEXT: "text_to_interval"}
    unit = asked.epoch
    if unit is None and natural.declared_type.lower() == "bigint":
        rules[StorageClass.INTEGER] = interval_rule_name(
            EpochUnit.MICROSECONDS, StorageClass.INTEGER
        )  # Django
    elif unit is None and natural.declared_type.upper().startswith("INTERVAL"):
        for storage_class in _NUMBER_CLASSES:  # Pony
            rules[storage_class] = interval_rule_name(EpochUnit.DAYS, storage_class)
    elif unit in INTERVAL_UNITS:
        for storage_class in (StorageClass.INTEGER, StorageClass.REAL)[: 1 + EPOCHS[unit].reals]:
            rules[storage_class] = interval_rule_name(unit, storage_class)
    return replace(
        natural,
        target_type="text",
        kind=ValueKind.TEXT,
        rules=_with_asked(rules, replace(asked, epoch=None), ValueKind.TEXT),
    )


def _fixed(
    natural: ColumnPlan,
    asked: ColumnOverride,
    target_type: str,
    profile: ColumnProfile,
    reason: str,
    table: SourceTable,
) -> ColumnPlan:
    """Return the plan for a type that the profile has no word on."""
    evidence = _evidence(natural, profile, table)
    unit = real_unit = None
    if evidence.integers:
        unit = evidence.epoch or find_integer_unit(profile)
    if evidence.reals:
        real_unit = evidence.epoch or _standing_real_unit(profile)
    return _plan(natural, asked, Choice(target_type, unit=unit, real_unit=real_unit), profile, reason)


def _standing_real_unit(profile: ColumnProfile) -> EpochUnit:
    low, high = profile.real_min, profile.real_max
    is_julian = low is not None and high is not None and JULIAN_DAYS[0] <= low and high <= JULIAN_DAYS[1]
    return EpochUnit.JULIAN if is_julian else EpochUnit.SECONDS


def _fixed_type(asked: ColumnOverride, declared: DeclaredType) -> str | None:
    """Return the type that the mapping file asks for: by its name, by its rules, or by an epoch."""
    if asked.type is not None:
        return asked.type
    if not asked.fixes_type:
        return None
    kinds = {RULES[name].kind for _, name in asked.rules if name != QUARANTINE}
    declared_kind = kind_of(declared.target_type) if declared.target_type else None
    if kinds:
        (kind,) = kinds
        return declared.target_type if kind is declared_kind else TYPE_OF_KIND[kind]
    if asked.epoch is not EpochUnit.JULIAN and declared_kind in _DATES:
        return declared.target_type
    return TIMESTAMPTZ


def _asked_rules(asked: ColumnOverride, kind: ValueKind) -> dict[StorageClass, str]:
    """Return the rules that the mapping file names for a kind, `quarantine` among them."""
    rules: dict[StorageClass, str] = {}
    if asked.epoch is not None:
        for storage_class in (StorageClass.INTEGER, StorageClass.REAL):
            name = rule_name(asked.epoch, storage_class, kind)
            rules[storage_class] = name if name in RULES else QUARANTINE
    rules |= {StorageClass(storage_class): name for storage_class, name in asked.rules}
    return {c: name for c, name in rules.items() if name == QUARANTINE or _gives(name, kind)}


def _gives(rule: str, kind: ValueKind) -> bool:
    return rule in RULES and RULES[rule].kind is kind


def _with_asked(
    rules: dict[StorageClass, str], asked: ColumnOverride, kind: ValueKind
) -> dict[StorageClass, str]:
    merged = rules | _asked_rules(asked, kind)
    return {c: name for c, name in merged.items() if name != QUARANTINE}


def _asked_notes(asked: ColumnOverride) -> str:
    """Return what the mapping file changes besides the type, to be put after a reason."""
    notes = []
    if asked.expression is not None:
        notes.append(f"the value of {' '.join(asked.expression.split())}")
    if asked.normalise:
        notes.append(f"normalised: {', '.join(asked.normalise)}")
    if asked.nul is NulPolicy.REPLACE:
        notes.append(f"NUL characters are replaced by {asked.nul_replacement!r}")
    elif asked.nul is not None:
        notes.append(f"NUL characters: {asked.nul}")
    if asked.timezone is not None:
        notes.append(f"times in {asked.timezone}")
    return "".join(f"; {note}" for note in notes)


def _evidence(natural: ColumnPlan, profile: ColumnProfile, table: SourceTable) -> Evidence:
    def is_odd(text: str) -> bool:
        rule = natural.rules.get(StorageClass.TEXT)
        if rule is None:
            return True
        try:
            RULES[rule].scalar(text, Context().for_type(natural.target_type))
        except Misfit:
            return True
        return False

    epoch = (
        EpochUnit.SECONDS_2001 if is_core_data(table) and "TIME" in natural.declared_type.upper() else None
    )
    return Evidence(profile, not natural.not_null, is_odd, epoch)


def _declared_reason(column: SourceColumn, declared: DeclaredType) -> str:
    if not declared.target_type:
        return "No declared type"
    if declared.by_affinity:
        return f"{column.declared_type} is no type of PostgreSQL, {declared.target_type} by SQLite's affinity"
    return f"{column.declared_type} as declared"


def _not_null(column: SourceColumn, table: SourceTable) -> bool:
    in_key = column.pk_position > 0 and (table.without_rowid or column.name == table.rowid_alias)
    return column.not_null or in_key


def _with_null(plan: ColumnPlan, profile: ColumnProfile) -> ColumnPlan:
    """Drop NOT NULL where the column holds NULLs after all."""
    nulls = profile.count(StorageClass.NULL) + profile.texts_to_null
    if not plan.not_null or not nulls:
        return plan
    return replace(plan, not_null=False, reason=f"{plan.reason}; NOT NULL dropped: holds {nulls:,} NULLs")


def _plan(
    natural: ColumnPlan, asked: ColumnOverride, choice: Choice, profile: ColumnProfile, reason: str
) -> ColumnPlan:
    kind = kind_of(choice.target_type)
    by_file = _asked_rules(asked, kind)
    rules = {c: rule for c, rule in rules_for(choice.target_type).items() if profile.count(c)}
    notes = [reason]
    if kind in _DATES and StorageClass.INTEGER in rules and StorageClass.INTEGER not in by_file:
        if choice.unit is None:
            # 20240115 read as seconds would be a day in 1970, and nobody would notice.
            del rules[StorageClass.INTEGER]
            notes.append(f"integers are not plainly an epoch and go to the quarantine{question(profile)}")
        else:
            rules[StorageClass.INTEGER] = rule_name(choice.unit, StorageClass.INTEGER, kind)
            notes.append(f"integers are {words_of(rules[StorageClass.INTEGER])}")
    if choice.real_unit is not None and kind in _DATES and StorageClass.REAL not in by_file:
        rules[StorageClass.REAL] = rule_name(choice.real_unit, StorageClass.REAL, kind)
        notes.append(f"reals are {words_of(rules[StorageClass.REAL])}")
    if profile.count(StorageClass.TEXT) and StorageClass.TEXT not in by_file:
        strips = asked.nul is not NulPolicy.QUARANTINE
        notes += _text_notes(rules, kind, choice.target_type, profile, natural, strips=strips)
    rules |= {c: rule for c, rule in by_file.items() if profile.count(c)}
    rules = {c: rule for c, rule in rules.items() if rule != QUARANTINE}
    if kind is ValueKind.UUID and StorageClass.BLOB in rules and StorageClass.BLOB not in by_file:
        rules[StorageClass.BLOB] = blob_rule(profile)
    example = ""
    if kind in _TIMES:
        example = profile.examples.get(StorageClass.TEXT, "")
    elif kind is ValueKind.UUID:
        example = spelling(profile) or profile.examples.get(StorageClass.TEXT, "")
    return replace(
        natural,
        target_type=choice.target_type,
        kind=kind,
        rules=rules,
        reason="; ".join(notes),
        time_example=example,
    )


def _text_notes(
    rules: dict[StorageClass, str],
    kind: ValueKind,
    target_type: str,
    profile: ColumnProfile,
    natural: ColumnPlan,
    *,
    strips: bool,
) -> list[str]:
    """Choose the rule for texts that need a change, and say so."""
    notes: list[str] = []
    rule = rules.get(StorageClass.TEXT)
    if rule is None:
        return notes
    if kind not in _OWN_EMPTY and profile.empty_texts and not natural.not_null:
        rules[StorageClass.TEXT] = or_null_name(rule)
        notes.append(f"{profile.empty_texts:,} empty texts become NULL")
    padded = split_type(target_type)[0] in BLANK_PADDED
    if strips and kind is ValueKind.TEXT and profile.nul_texts and not padded:
        rules[StorageClass.TEXT] = "text_strip_nul"
        notes.append(f"NUL characters are stripped from {profile.nul_texts:,} texts")
    if kind is not ValueKind.BYTES and profile.bad_utf8_texts:
        notes.append(f"{profile.bad_utf8_texts:,} texts are not UTF-8 and go to the quarantine")
    return notes
