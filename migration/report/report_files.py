"""Writes report.json, report.html, junit.xml, what did not come along, and the manifest: whole, or not at all."""

from __future__ import annotations

import re
import time
import uuid
from contextlib import suppress
from pathlib import Path

import msgspec

from migration.known_record_types import known
from migration.report.html_report import render_html
from migration.report.junit_report import render_junit
from migration.report.not_migrated_sql import STUBS_NAME, render_stubs
from migration.report.report_manifest import MANIFEST_NAME, SIGNATURE_NAME, list_files, make_manifest
from migration.report.report_model import Report
from migration.report.report_signature import sign

JSON_NAME = "report.json"
HTML_NAME = "report.html"
JUNIT_NAME = "junit.xml"
_WRITTEN = (JSON_NAME, HTML_NAME, JUNIT_NAME, STUBS_NAME, MANIFEST_NAME, SIGNATURE_NAME)
_UNFINISHED = re.compile(rf"\.({'|'.join(re.escape(name) for name in _WRITTEN)})\.[0-9a-f]{{32}}")


def write_report(report: Report, folder: Path, signing_key: str | None = None) -> tuple[Path, Path]:
    """Write report.json, report.html and junit.xml into `folder`, made if need be; return the paths of the first two.

    Where something did not come along, its SQL goes into not_migrated.sql; where all did, no such file stays. The
    manifest has all files of the folder, and a signature where there is a key: PEM, or the path of a PEM file.

    Raises:
        OSError: the folder cannot be made or written to.
        SettingError: the key is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if report.stubs:
        _write(folder / STUBS_NAME, render_stubs(report).encode())
    else:
        (folder / STUBS_NAME).unlink(missing_ok=True)
    _write(folder / JUNIT_NAME, render_junit(report))
    json_path = _write(folder / JSON_NAME, encode_report(report))
    html_path = _write(folder / HTML_NAME, render_html(report).encode())
    seal_report(folder, signing_key)
    return json_path, html_path


def seal_report(folder: Path, signing_key: str | None = None) -> None:
    """Write the manifest of a report as it is now, and its signature; called again by whoever adds a file to it.

    Raises:
        OSError: a file cannot be read, or the manifest not written.
        SettingError: the key is none.
    """
    manifest = make_manifest(list_files(folder, _UNFINISHED))
    signature = None if signing_key is None else sign(manifest, signing_key)
    # An earlier signature is of another manifest: it goes first, whatever comes in between.
    (folder / SIGNATURE_NAME).unlink(missing_ok=True)
    _write(folder / MANIFEST_NAME, manifest)
    if signature is not None:
        _write(folder / SIGNATURE_NAME, signature)


def encode_report(report: Report) -> bytes:
    """Return the report as indented JSON in UTF-8, ending in a line end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def decode_report(encoded: bytes) -> Report:
    """Return the report that `encode_report` wrote.

    Raises:
        msgspec.ValidationError: the JSON does not have the shape of a report.
    """
    return msgspec.json.decode(encoded, type=known(Report))


def unfinished_reports(folder: Path, quiet_seconds: float) -> list[Path]:
    """Return what processes that were killed while they wrote a report have left in the folders of a folder, sorted.

    Args:
        folder: of the folders of reports, one for each run.
        quiet_seconds: a file on which something was written since may be one that is being written.
    """
    newest = time.time() - quiet_seconds
    found = []
    for path in folder.glob("*/.*"):
        with suppress(OSError):  # put in place at this moment
            if _UNFINISHED.fullmatch(path.name) and path.stat().st_mtime < newest:
                found.append(path)
    return sorted(found)


def _write(path: Path, content: bytes) -> Path:
    """Put the content in place by a rename, so that nobody ever reads half a report."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return path
