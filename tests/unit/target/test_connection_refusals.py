"""Processes of a command's cluster note what they are refused with; others note nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from migration.errors import TargetUnreachableError
from migration.own_cluster import REFUSALS_VARIABLE
from migration.target.connection_refusals import latest_refusal, note_refusal
from migration.target.target_connection import connect

NOBODY = "postgresql://me:s3cret@127.0.0.1:9/shop?connect_timeout=2"


def test_refused_connection_is_noted_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(REFUSALS_VARIABLE, str(tmp_path))
    with pytest.raises(TargetUnreachableError):
        connect(NOBODY, "test")
    found = latest_refusal(tmp_path, 60)
    assert found is not None
    assert (found.code, found.what.partition(":")[0]) == (
        "target-unreachable",
        "Cannot connect to PostgreSQL",
    )
    assert "shop on 127.0.0.1:9" in found.where
    assert "s3cret" not in next(tmp_path.iterdir()).read_text()


def test_latest_note_of_any_process_counts_and_an_old_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert latest_refusal(tmp_path, 60) is None
    monkeypatch.setenv(REFUSALS_VARIABLE, str(tmp_path))
    note_refusal(TargetUnreachableError("first"))
    (noted,) = tmp_path.iterdir()
    os.utime(noted, (1, 1))
    assert latest_refusal(tmp_path, 60) is None
    (tmp_path / "refused-0.json").write_text("{")  # by a process that was killed
    assert latest_refusal(tmp_path, 60) is None
    note_refusal(TargetUnreachableError("second"))
    os.utime(tmp_path / "refused-0.json", (1, 1))
    found = latest_refusal(tmp_path, 60)
    assert found is not None
    assert found.what == "second"


def test_process_of_no_command_notes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(REFUSALS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    note_refusal(TargetUnreachableError("x"))
    monkeypatch.setenv(REFUSALS_VARIABLE, str(tmp_path / "gone"))
    note_refusal(TargetUnreachableError("x"))
    assert not list(tmp_path.iterdir())
