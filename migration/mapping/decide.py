"""Decides what becomes of a column: from its declaration (`candidate`), then from what it holds (`decide`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.mapping.declared import DeclaredType, read_declared
from migration.mapping.epochs import find_unit
from migration.mapping.kinds import kind_of, split_type
from migration.mapping.rules import BLANK_PADDED, RULES, Context, Misfit, or_null_name, rules_for
from migration.mapping.widen import TIMESTAMPTZ, Choice, Evidence, choose
from migration.model import ColumnPlan, StorageClass, ValueKind

if TYPE_CHECKING:
    from migration.model import ColumnProfile, SourceColumn, SourceTable

_NATURAL_CLASSES = {
    ValueKind.INT16: StorageClass.INTEGER,
    ValueKind.INT32: StorageClass.INTEGER,
    ValueKind.INT64: StorageClass.INTEGER,
    ValueKind.BOOL: StorageClass.INTEGER,
    ValueKind.FLOAT64: StorageClass.REAL,
    ValueKind.NUMERIC: StorageClass.REAL,
    ValueKind.BYTES: StorageClass.BLOB,
}
_DATES = frozenset({ValueKind.DATE, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})
_OWN_EMPTY = frozenset({ValueKind.TEXT, ValueKind.BYTES})
_UNIT_NAMES = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


def candidate(column: SourceColumn, table: SourceTable) -> ColumnPlan:
    """Return the plan that the declaration alone asks for.

    A column without a declared type is planned as text until its profile is known. `target_name` is the source's.
    """
    declared = read_declared(column.declared_type)
    target_type = declared.target_type or "text"
    kind = kind_of(target_type)
    rules = rules_for(target_type)
    if kind in _DATES:
        rules[StorageClass.REAL] = "julian_to_timestamptz"
    return ColumnPlan(
        name=column.name,
        target_name=column.name,
        declared_type=column.declared_type,
        target_type=target_type,
        kind=kind,
        rules=rules,
        reason=_declared_reason(column, declared),
        not_null=_not_null(column, table),
    )


def wider(column: ColumnPlan) -> ColumnPlan | None:
    """Return the plan to count `ColumnProfile.accepted_wider` with; None where no wider type is worth a look."""
    if column.kind not in _DATES:
        return None
    rules = rules_for(TIMESTAMPTZ) | {StorageClass.REAL: "epoch_fraction_to_timestamptz"}
    return replace(column, target_type=TIMESTAMPTZ, kind=ValueKind.TIMESTAMPTZ, rules=rules)


def decide(column: SourceColumn, table: SourceTable, profile: ColumnProfile) -> ColumnPlan:
    """Return the plan for a column whose every value has been looked at; the profile has the last word."""
    natural = candidate(column, table)
    declared = read_declared(column.declared_type)
    if not profile.classes:
        natural_class = _NATURAL_CLASSES.get(natural.kind, StorageClass.TEXT)
        rules = {natural_class: rules_for(natural.target_type)[natural_class]}
        kept = replace(natural, rules=rules, reason=f"{natural.reason}; holds no values")
        return _with_null(kept, profile)
    evidence = _evidence(natural, profile)
    choice = choose(column.declared_type, declared.target_type, evidence)
    if not declared.target_type:
        reason = f"No declared type, {choice.because}"
    elif choice.because:
        reason = choice.because
    else:
        reason = natural.reason
    return _with_null(_plan(natural, choice, profile, reason), profile)


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
    unit = (
        find_unit(profile.int_min or 0, profile.int_max or 0) if profile.count(StorageClass.INTEGER) else None
    )
    evidence = _evidence(natural, profile)
    real_rule = None
    if kind_of(target_type) is ValueKind.TIMESTAMPTZ and not evidence.fits(StorageClass.REAL):
        real_rule = "epoch_fraction_to_timestamptz"
    return _plan(natural, Choice(target_type, unit=unit, real_rule=real_rule), profile, reason)


def _evidence(natural: ColumnPlan, profile: ColumnProfile) -> Evidence:
    def is_odd(text: str) -> bool:
        rule = natural.rules.get(StorageClass.TEXT)
        if rule is None:
            return True
        try:
            RULES[rule].scalar(text, Context().for_type(natural.target_type))
        except Misfit:
            return True
        return False

    return Evidence(profile, not natural.not_null, is_odd)


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
    nulls = profile.count(StorageClass.NULL)
    if not plan.not_null or not nulls:
        return plan
    return replace(plan, not_null=False, reason=f"{plan.reason}; NOT NULL dropped: holds {nulls:,} NULLs")


def _plan(natural: ColumnPlan, choice: Choice, profile: ColumnProfile, reason: str) -> ColumnPlan:
    kind = kind_of(choice.target_type)
    rules = {c: rule for c, rule in rules_for(choice.target_type).items() if profile.count(c)}
    notes = [reason]
    if choice.unit is not None and kind in _DATES and StorageClass.INTEGER in rules:
        rules[StorageClass.INTEGER] = f"epoch_{choice.unit}_to_{kind}"
        notes.append(f"integers are {_UNIT_NAMES[choice.unit]} since 1970")
    if choice.real_rule is not None and StorageClass.REAL in rules:
        rules[StorageClass.REAL] = choice.real_rule
        notes.append(
            "reals are Julian days" if "julian" in choice.real_rule else "reals are seconds since 1970"
        )
    if profile.count(StorageClass.TEXT):
        notes += _text_notes(rules, kind, choice.target_type, profile, natural)
    return replace(natural, target_type=choice.target_type, kind=kind, rules=rules, reason="; ".join(notes))


def _text_notes(
    rules: dict[StorageClass, str],
    kind: ValueKind,
    target_type: str,
    profile: ColumnProfile,
    natural: ColumnPlan,
) -> list[str]:
    """Choose the rule for texts that need a change, and say so."""
    notes: list[str] = []
    rule = rules.get(StorageClass.TEXT)
    if rule is None:
        return notes
    if kind not in _OWN_EMPTY and profile.empty_texts and not natural.not_null:
        rules[StorageClass.TEXT] = or_null_name(rule)
        notes.append(f"{profile.empty_texts:,} empty texts become NULL")
    if kind is ValueKind.TEXT and profile.nul_texts and split_type(target_type)[0] not in BLANK_PADDED:
        rules[StorageClass.TEXT] = "text_strip_nul"
        notes.append(f"NUL characters are stripped from {profile.nul_texts:,} texts")
    if kind is not ValueKind.BYTES and profile.bad_utf8_texts:
        notes.append(f"{profile.bad_utf8_texts:,} texts are not UTF-8 and go to the quarantine")
    return notes
