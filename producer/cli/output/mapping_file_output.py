"""The file that `dry-run --write-mapping` leaves: the decisions, to edit and to give back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from migration.errors import OutputFileError

if TYPE_CHECKING:
    from producer.cli.run_session import Session


def new_mapping_file(path: Path | None) -> Path | None:
    """Return the path of a file that is still to be written: one that somebody has edited is not overwritten."""
    if path is not None and path.exists():
        raise OutputFileError(
            "The file exists already",
            setting="--write-mapping",
            file=str(path),
            remedy="Name a new file, or remove it",
        )
    if path is not None and not path.absolute().parent.is_dir():
        raise OutputFileError("There is no such folder", setting="--write-mapping", file=str(path))
    return path


def write_mapping(session: Session, run_id: str, path: Path, status: int) -> None:
    """Write the decisions of a dry-run that came to its end, and say where."""
    if status not in {0, 1}:
        click.echo(f"Not written, because the dry-run did not come to its end: {path}", err=True)
        return
    from migration.report.mapping_file_draft import draft_mapping

    path.write_text(draft_mapping(session.engine, run_id), encoding="utf-8")
    click.echo(f"The decisions, to edit and to give to --mapping: {path}", err=True)
