"""Finds and reads the profiles of applications: the TOML files in the folder profiles/ of this package."""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from migration.application_errors import ApplicationProfileError, UnknownApplicationError
from migration.applications.application_profile import ApplicationProfile
from migration.convoy_error import NextStep
from migration.known_record_types import known
from migration.mapping_file.mapping_file_merge import as_optional
from migration.mapping_file.mapping_file_reader import read_mapping

if TYPE_CHECKING:
    from migration.mapping_file_model import MappingFile

_NAMES_OFFERED = 3


@dataclass(frozen=True, slots=True)
class NamedProfile:
    """A profile with its name, the SHA-256 of its file, and its part of a mapping file."""

    name: str
    profile: ApplicationProfile
    sha256: str
    mapping: MappingFile | None


@cache
def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    folder = resources.files(__package__).joinpath("profiles")
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


@cache
def find_profile(name: str) -> NamedProfile:
    """Return a profile by its name, in capitals or not.

    Raises:
        UnknownApplicationError: there is none of this name; offers the nearest.
    """
    folded = name.strip().lower()
    if folded not in profile_names():
        near = difflib.get_close_matches(folded, profile_names(), n=_NAMES_OFFERED, cutoff=0.5)
        raise UnknownApplicationError(
            f"There is no profile of an application called {name}",
            setting="--app",
            remedy=f"Did you mean {' or '.join(near)}"
            if near
            else "Leave --app out, or take one of the list",
            next_steps=(NextStep("List the profiles", "migration-cli apps"),),
        )
    content = resources.files(__package__).joinpath("profiles", f"{folded}.toml").read_bytes()
    return read_profile(folded, content)


def read_profile(name: str, content: bytes) -> NamedProfile:
    """Return a profile from the bytes of its file.

    Raises:
        ApplicationProfileError: it is no TOML, lacks a key, or has one that there is not.
        MappingFileError: its part of a mapping file asks for something that there is not.
    """
    try:
        document = tomllib.loads(content.decode("utf-8"))
        profile = msgspec.convert(document, known(ApplicationProfile))
    except (ValueError, msgspec.ValidationError) as error:
        raise ApplicationProfileError(f"The profile {name} cannot be read: {error}") from error
    mapping = as_optional(read_mapping({"tables": profile.tables}, name)) if profile.tables else None
    return NamedProfile(name, profile, hashlib.sha256(content).hexdigest(), mapping)
