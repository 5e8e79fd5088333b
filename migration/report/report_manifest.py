"""The list of the files of a report with their SHA-256, as `sha256sum -c` reads it, and what differs from it.

It speaks of the files in the folder itself; folders in it are no part of the report. What is neither file nor folder (a
link, a pipe, a socket) is named: nobody knows what the next one who opens it will read.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

MANIFEST_NAME: Final = "manifest.sha256"
SIGNATURE_NAME: Final = "manifest.sha256.sig"
_OWN: Final = frozenset({MANIFEST_NAME, SIGNATURE_NAME})
_READ_BYTES: Final = 1 << 20
# A name with a backslash or line end is escaped, and the line begins with a backslash then.
_LINE: Final = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")


class TamperingKind(StrEnum):
    """What somebody has done to a report."""

    CHANGED = "changed"  # a file has other bytes
    MISSING = "missing"  # a file of the list is gone
    ADDED = "added"  # a file is not in the list
    MANIFEST = "manifest"  # the list itself is no list of files of this folder


@dataclass(frozen=True, slots=True)
class Tampering:
    """One difference between a folder and its list."""

    kind: TamperingKind
    name: str


def list_files(folder: Path, unfinished: re.Pattern[str] | None = None) -> list[Path]:
    """Return the files of a report that belong into its list, sorted by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if (path.is_file() or path.is_symlink())
        and path.name not in _OWN
        and not (unfinished and unfinished.fullmatch(path.name))
    )


def make_manifest(files: list[Path]) -> bytes:
    """Return the list of files, which are all in one folder.

    Raises:
        OSError: one cannot be read.
    """
    return "".join(_line(path.name, hash_file(path)) for path in files).encode("utf-8", "surrogateescape")


def find_tampering(folder: Path, manifest: bytes) -> list[Tampering]:
    """Return every difference between a folder and its list, by name.

    Raises:
        OSError: a file is there and cannot be read.
    """
    listed, found = _read(manifest)
    there = {
        path.name: path
        for path in folder.iterdir()
        if not (_is_plain(path) if path.name in _OWN else _is_folder(path) and path.name not in listed)
    }
    for name, checksum in listed.items():
        if name not in there:
            found.append(Tampering(TamperingKind.MISSING, name))
        # Of what is no plain file, nobody knows what the next one who opens it will read, or whether it ever ends.
        elif not _is_plain(there[name]) or hash_file(there[name]) != checksum:
            found.append(Tampering(TamperingKind.CHANGED, name))
    found += [Tampering(TamperingKind.ADDED, name) for name in there if name not in listed]
    return sorted(found, key=lambda one: (one.kind, one.name))


def _is_plain(path: Path) -> bool:
    """Tell whether a path is a file itself: no link to one, no folder, pipe, socket or device."""
    return path.is_file() and not path.is_symlink()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, of any size."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(_READ_BYTES):
            total.update(part)
    return total.hexdigest()


def _read(manifest: bytes) -> tuple[dict[str, str], list[Tampering]]:
    listed: dict[str, str] = {}
    odd: list[Tampering] = []
    lines = manifest.decode("utf-8", "surrogateescape").split("\n")
    if lines.pop() != "" or not lines:
        odd.append(Tampering(TamperingKind.MANIFEST, "it is cut off or empty"))
    for line in lines:
        parts = _LINE.fullmatch(line)
        name = parts[3] if parts is not None else ""
        if parts is not None and parts[1]:
            name = re.sub(r"\\(.)", lambda escaped: _UNESCAPED.get(escaped[1], escaped[1]), name)
        if parts is None or "/" in name or name in _OWN or name in listed:
            odd.append(Tampering(TamperingKind.MANIFEST, f"line {line!r}"))
        else:
            listed[name] = parts[2]
    return listed, odd


_UNESCAPED: Final = {"n": "\n", "r": "\r"}


def _line(name: str, checksum: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == name else chr(92)}{checksum}  {escaped}\n"
