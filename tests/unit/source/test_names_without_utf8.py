"""Names of files that are no UTF-8: no ledger, JSON or terminal ever gets one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from api.app import create_app
from api.source_inventory import take_inventory
from api.source_root import resolve_sources
from migration.errors import SourceError, SourceUnreadableError
from migration.exit_status import ExitStatus
from migration.file_name_text import is_text
from migration.folder_errors import FolderNotWritableError
from migration.model import Source
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.source.source_listing import list_sources
from migration.writable_folders import writable_folder
from producer.cli.source_arguments import parse_sources
from tests.support.api import TOKEN, ApiClient, api_settings

BAD = os.fsdecode(b"bad\xff")


def database(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(os.fsencode(path))) as connection:
        connection.execute("CREATE TABLE t(a)")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A database beside a text, a database, a folder and a link that are no UTF-8."""
    found = database(tmp_path / "data" / "a.db").parent
    database(found / f"{BAD}.db")
    (found / f"readme{BAD}.txt").write_text("words")
    database(found / BAD / "c.db")
    (found / "link.db").symlink_to(f"{BAD}.db")
    return found


def test_a_folder_passes_them_over_and_names_them_escaped(folder: Path) -> None:
    told: list[str] = []
    assert [source.label for source in parse_sources([str(folder)], tell=told.append)] == ["a"]
    names = "bad\\xff, bad\\xff.db, link.db, readmebad\\xff.txt"
    assert told == [f"Passed over in {folder}: {names} (no UTF-8 in the name: rename what is a database)."]
    told.clear()
    assert [source.label for source in resolve_sources([(".", None)], folder, told.append)] == ["a"]
    assert "readmebad\\xff.txt" in told[0]
    assert is_text(told[0])


def test_a_folder_with_nothing_else_is_refused_by_their_names(folder: Path) -> None:
    (folder / "a.db").unlink()
    with pytest.raises(SourceError, match=r"beside bad\\xff.*no UTF-8"):
        list_sources(folder)


@pytest.mark.parametrize(
    "name", [f"{BAD}.db", f"{BAD}/c.db", BAD, f"{BAD}*", f"missing{BAD}", f"label{BAD}=a.db"]
)
def test_a_source_that_is_named_so_is_unusable_input(folder: Path, name: str) -> None:
    with pytest.raises(SourceUnreadableError, match="no UTF-8") as caught:
        parse_sources([f"{folder}/{name}"])
    assert caught.value.exit_status is ExitStatus.UNUSABLE_INPUT
    assert is_text(str(caught.value))
    assert all(is_text(str(part)) for part in caught.value.place.values())


@pytest.mark.parametrize("name", [f"{BAD}.db", "link.db"])
def test_no_snapshot_is_taken_of_one(folder: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceUnreadableError, match="no UTF-8") as caught:
        take_snapshot(Source("app", str(folder / name)), tmp_path / "snapshots")
    assert is_text(str(caught.value))


@pytest.mark.parametrize("path", ["/api/v1/migration/start", "/api/v1/migration/dry-run"])
def test_a_request_whose_link_leads_to_one_is_refused(folder: Path, path: str) -> None:
    client = ApiClient(create_app(api_settings(folder)))
    client.headers["Authorization"] = f"Bearer {TOKEN}"
    answer = client.post(path, json={"sources": ["link.db"]})
    assert answer.status_code == 422
    assert "no UTF-8" in answer.text


def test_the_inventory_notes_them(folder: Path) -> None:
    inventory = take_inventory(folder, 100)
    assert [source.path for source in inventory.sources] == ["a.db"]
    assert inventory.unnamable == ["bad\\xff.db", "link.db", "bad\\xff/c.db"]
    client = ApiClient(create_app(api_settings(folder)))
    answer = client.get("/api/v1/sources", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (
        answer.json()["note"]
        == "Left out, because the name is no UTF-8: bad\\xff.db, link.db, bad\\xff/c.db."
    )


def test_no_folder_that_the_ledger_would_name_is_one(tmp_path: Path) -> None:
    with pytest.raises(FolderNotWritableError, match="no UTF-8") as caught:
        writable_folder(tmp_path / BAD, holds="snapshots", setting="MIGRATION_SNAPSHOT_DIR")
    assert is_text(str(caught.value))
