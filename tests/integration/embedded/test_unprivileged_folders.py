"""Where root's PostgreSQL keeps its files: nothing of root's is opened to others."""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from pathlib import Path

import pytest

from migration.convoy_error import ConvoyError
from producer.embedded import unprivileged_folders
from producer.embedded.embedded_postgres import EmbeddedPostgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for PostgreSQL")


def nobody() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


@pytest.fixture
def elsewhere(passable_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A closed folder that is not below the temporary one; shared state beside it."""
    passable_path.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(passable_path / "temporary"))
    monkeypatch.setattr(unprivileged_folders, "_SHARED_STATE", passable_path / "state")
    (passable_path / "temporary").mkdir()
    (passable_path / "closed").mkdir(mode=0o700)
    return passable_path / "closed"


def test_data_below_a_closed_folder_moves_out_of_it(elsewhere: Path) -> None:
    folder = elsewhere / "project" / "postgres"
    place = unprivileged_folders.passable_folder(folder, nobody())
    assert folder.resolve() == place
    assert place.is_relative_to(elsewhere.parent / "state")
    assert (place.stat().st_uid, place.stat().st_mode & 0o777) == (nobody()[0], 0o700)
    assert elsewhere.stat().st_mode & 0o777 == 0o700
    assert unprivileged_folders.passable_folder(folder, nobody()) == place


def test_data_that_is_there_already_is_never_moved(elsewhere: Path) -> None:
    (elsewhere / "postgres").mkdir()
    (elsewhere / "postgres" / "PG_VERSION").write_text("18")
    with pytest.raises(ConvoyError, match="cannot be entered"):
        unprivileged_folders.passable_folder(elsewhere / "postgres", nobody())


def test_a_private_temporary_folder_is_made_passable_not_readable(elsewhere: Path) -> None:
    private = Path(tempfile.mkdtemp())
    folder = unprivileged_folders.passable_folder(private / "postgres", nobody())
    assert folder == private / "postgres"
    assert private.stat().st_mode & 0o077 == 0o011
    assert elsewhere.stat().st_mode & 0o777 == 0o700


def test_programs_below_a_closed_folder_are_copied_and_run(elsewhere: Path) -> None:
    install = EmbeddedPostgres.programs(elsewhere / "none")
    package = elsewhere / install.parent.name
    package.mkdir()
    (package / install.name).symlink_to(install)
    for libraries in (install.parent.with_name(f"{install.parent.name}.libs"),):
        if libraries.is_dir():
            (elsewhere / libraries.name).symlink_to(libraries)
    programs = unprivileged_folders.passable_programs(package / install.name, nobody())
    assert programs.is_relative_to(elsewhere.parent / "state")
    uid, gid = nobody()
    shown = subprocess.run(
        [programs / "bin" / "initdb", "--version"],
        user=uid,
        group=gid,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "PostgreSQL" in shown.stdout
