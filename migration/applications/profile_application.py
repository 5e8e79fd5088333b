"""Lays the profile of an application under the options of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from migration.applications.profile_reader import find_profile
from migration.mapping_file.mapping_file_merge import merged

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from migration.mapping_file_model import MappingFile
    from migration.run_options import RunOptions

_OF_ROWS_ALONE = {"ignore_version"}
"""Flags that mean nothing without `data_only`, which somebody may have switched off."""


def with_flags(app: str | None, values: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return the values of a request with the flags of a profile in place of those that nobody gave.

    Args:
        app: name of the profile; None or empty: none.
        values: option → value, as asked for or by default.
        given: the options that somebody has given.

    Raises:
        UnknownApplicationError: there is no such profile.
    """
    if not app:
        return dict(values)
    flags = find_profile(app).profile.flags.defaults()
    laid = {name: value for name, value in flags.items() if name not in given}
    if not {**values, **laid}.get("data_only"):
        laid = {name: value for name, value in laid.items() if name not in _OF_ROWS_ALONE}
    return {**values, **laid}


def with_profile(options: RunOptions, app: str | None) -> RunOptions:
    """Return the options with a profile's mapping below their own, and with the tables that it leaves alone.

    Raises:
        UnknownApplicationError: there is no such profile.
    """
    if not app:
        return options
    named = find_profile(app)
    return replace(
        options,
        app=named.name,
        app_sha256=named.sha256,
        left_alone=tuple(item.table for item in named.profile.left_alone),
        mapping=merged(options.mapping, named.mapping),
    )


def above_profile(mapping: MappingFile, options: RunOptions) -> MappingFile:
    """Return a later mapping file of a run above the profile that the run was started with."""
    if not options.app:
        return mapping
    return merged(mapping, find_profile(options.app).mapping) or mapping
