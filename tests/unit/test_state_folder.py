"""Where Convoy keeps what it writes when no setting says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration import state_folder
from migration.state_folder import StateFolder, choose_state_folder


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Folders that take no files, for root, too."""
    found: set[Path] = set()
    monkeypatch.setattr(state_folder.os, "access", lambda path, _mode: path not in found)
    return found


def test_here_then_the_users_state_then_the_temporary_folder(
    tmp_path: Path, closed: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    assert choose_state_folder(home, here / ".convoy") == StateFolder(here / ".convoy")

    closed.add(here)
    assert choose_state_folder(home, here / ".convoy") == StateFolder(home / "convoy")

    closed.add(home)
    monkeypatch.setattr(state_folder.tempfile, "tempdir", str(tmp_path))
    chosen = choose_state_folder(home, here / ".convoy")
    assert (chosen.path.parent, chosen.stays) == (tmp_path, False)
    assert chosen.path.stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_that_others_may_change_is_not_taken(
    tmp_path: Path, closed: set[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed.add(tmp_path)
    monkeypatch.setattr(state_folder.tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / f"convoy-{state_folder.os.geteuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)

    assert choose_state_folder(None, tmp_path / ".convoy") == StateFolder(tmp_path / ".convoy")


def test_what_is_there_already_is_not_passed_over(tmp_path: Path, closed: set[Path]) -> None:
    (tmp_path / ".convoy").mkdir()
    closed |= {tmp_path, tmp_path / ".convoy"}

    assert choose_state_folder(tmp_path / "home", tmp_path / ".convoy") == StateFolder(tmp_path / ".convoy")
