"""The digits that a numeric with precision and scale holds."""

from __future__ import annotations

from migration.value_conversion.rules.conversion_rule import Context, Misfit


def check_limits(whole: str, fraction: str, precision: int, scale: int) -> None:
    """Check digits before and after the point: `precision` of them count from the one that `scale` makes the last.

    The scale may be negative, or larger than the precision:
    https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-NUMERIC-DECIMAL
    """
    first = (
        len(whole) if whole else len(fraction.lstrip("0")) - len(fraction)
    )  # of the largest digit: units are 1
    if (whole or fraction) and first > precision - scale:
        raise Misfit(f"number is too large for numeric({precision},{scale})")
    if len(fraction) > max(0, scale):
        raise Misfit(f"number has more than {max(0, scale)} decimal places")
    if scale < 0 and whole[scale:].strip("0"):
        raise Misfit(f"number is no multiple of {10**-scale:,}, as numeric({precision},{scale}) needs")


def is_unusual(context: Context) -> bool:
    """Tell whether the last digit that counts is none after the point, or the first one is: the row path decides."""
    return context.precision is not None and not 0 <= (context.scale or 0) <= context.precision
