from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.problem_documents import ProblemError
from api.source_root import resolve_location, resolve_sources
from migration.model import Source


def test_a_relative_path_starts_at_the_root(root: Path) -> None:
    assert resolve_location("school.db", root) == root / "school.db"


def test_an_absolute_path_below_the_root_is_taken(root: Path) -> None:
    assert resolve_location(str(root / "school.db"), root) == root / "school.db"


def test_a_file_url_below_the_root_is_taken(root: Path) -> None:
    (root / "a b.db").touch()

    assert resolve_location((root / "a b.db").as_uri(), root) == root / "a b.db"


def test_a_link_inside_the_root_is_followed(root: Path) -> None:
    (root / "link.db").symlink_to("school.db")

    assert resolve_location("link.db", root) == root / "school.db"


def test_the_root_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)

    assert resolve_location("school.db", tmp_path / "alias") == root / "school.db"


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("../secret.db", r"`\.\.`"),
        ("sub/../school.db", r"`\.\."),
        ("/etc/passwd", "not below"),
        ("/etc/no-such-file", "not below"),
        ("missing.db", "no such file"),
        ("folder", "folder or a device"),
        (".", "folder or a device"),
        ("out.db", "not below"),
        ("outdir/secret.db", "not below"),
        ("loop.db", "cannot be followed|no such file"),
        ("school.db\0", "NUL"),
        ("https://example.org/school.db", "no https:// URL"),
        ("s3://bucket/school.db", "no s3:// URL"),
        ("postgresql://me:secret@host/db", "no postgresql:// URL"),
        ("file://host/school.db", "without host"),
        ("file:///etc/passwd", "not below"),
        ("file:///x?mode=rw", "without host, query"),
        ("file:///%2e%2e/etc/passwd", r"`\.\.`"),
    ],
)
def test_what_is_not_a_file_below_the_root_is_refused(root: Path, location: str, sentence: str) -> None:
    outside = root.parent / "secret.db"
    outside.touch()
    (root / "folder").mkdir()
    (root / "out.db").symlink_to(outside)
    (root / "outdir").symlink_to(root.parent)
    (root / "loop.db").symlink_to("loop.db")

    with pytest.raises(ValueError, match=sentence) as refused:
        resolve_location(location, root)

    assert "secret@" not in str(refused.value)


def test_a_pipe_is_refused(root: Path) -> None:
    os.mkfifo(root / "pipe.db")

    with pytest.raises(ValueError, match="folder or a device"):
        resolve_location("pipe.db", root)


def test_a_source_without_label_is_named_by_its_file(root: Path) -> None:
    assert resolve_sources([("school.db", None)], root) == (Source("school", str(root / "school.db")),)


def test_two_sources_of_one_label_are_refused(root: Path) -> None:
    with pytest.raises(ProblemError, match="label 'school'") as refused:
        resolve_sources([("school.db", None), (str(root / "school.db"), None)], root)

    assert refused.value.members["errors"][0]["pointer"] == "#/sources/1"


def test_every_wrong_source_is_named(root: Path) -> None:
    with pytest.raises(ProblemError) as refused:
        resolve_sources([("a.db", None), ("school.db", None), ("b.db", None)], root)

    assert [e["pointer"] for e in refused.value.members["errors"]] == ["#/sources/0", "#/sources/2"]


def test_without_a_root_no_source_is_read() -> None:
    with pytest.raises(ProblemError, match="MIGRATION_SOURCE_ROOT") as refused:
        resolve_sources([("school.db", None)], None)

    assert refused.value.status == 403


@pytest.fixture
def databases(root: Path) -> Path:
    """A folder below the root, with a link that leads out of it."""
    found = root / "more"
    found.mkdir()
    for name in ("b.db", "a.db"):
        (found / name).write_bytes(b"SQLite format 3\x00")
    (found / "README").touch()
    secret = root.parent / "secret.db"
    secret.write_bytes(b"SQLite format 3\x00")
    (found / "c.db").symlink_to(secret)
    (root / "out").symlink_to(root.parent)
    return found


@pytest.mark.parametrize("location", ["more", "more/", "more/*"])
def test_a_folder_below_the_root_is_its_databases(root: Path, databases: Path, location: str) -> None:
    told: list[str] = []
    sources = resolve_sources([(location, None)], root, told.append)
    assert sources == (Source("a", str(databases / "a.db")), Source("b", str(databases / "b.db")))
    assert told == [f"Passed over in {databases}: README, c.db (no database)."]


@pytest.mark.parametrize(
    ("location", "sentence"),
    [
        ("out/*.db", "not below"),
        ("out", "not below"),
        ("/etc/*", "not below"),
        ("../*.db", r"`\.\."),
        ("more/c*", "No file that is read matches"),
        ("missing/*.db", "no such file"),
        ("s3://bucket/*.db", "no s3:// URL"),
    ],
)
@pytest.mark.usefixtures("databases")
def test_no_pattern_leads_out_of_the_root(root: Path, location: str, sentence: str) -> None:
    with pytest.raises(ProblemError, match=sentence) as refused:
        resolve_sources([(location, None)], root)
    assert "secret" not in str(refused.value)


@pytest.mark.usefixtures("databases")
def test_a_label_of_a_folder_is_refused(root: Path) -> None:
    with pytest.raises(ProblemError, match="One label is given to 2 files"):
        resolve_sources([("more", "mine")], root)


def test_a_folder_counts_by_its_databases(root: Path) -> None:
    (root / "many").mkdir()
    for number in range(101):
        (root / "many" / f"{number}.db").write_bytes(b"SQLite format 3\x00")
    with pytest.raises(ProblemError, match="These are 101 databases; a run takes 100"):
        resolve_sources([("many", None)], root)
