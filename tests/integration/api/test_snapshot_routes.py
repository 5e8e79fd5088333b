"""The API serves files that are named by a SHA-256 and lie in the folder of snapshots; nothing else, to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.api import TOKEN
from tests.support.stages import Frozen, freeze, serve_snapshots

PREFIX = "/api/v1/migration/snapshots"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def frozen(folder: Path) -> Frozen:
    return freeze(folder, 3 << 20, elsewhere=False)


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    with (
        serve_snapshots(folder) as port,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=20,
            trust_env=False,
        ) as client,
    ):
        yield client


def test_whole_and_in_ranges(client: httpx.Client, frozen: Frozen) -> None:
    data = Path(frozen.snapshot).read_bytes()
    whole = client.get(f"{PREFIX}/{frozen.sha256}")
    assert (whole.status_code, whole.content) == (200, data)
    assert whole.headers["etag"] == f'"{frozen.sha256}"'
    assert whole.headers["accept-ranges"] == "bytes"
    rest = client.get(f"{PREFIX}/{frozen.sha256}", headers={"Range": "bytes=1048577-"})
    assert (rest.status_code, rest.content) == (206, data[1048577:])
    assert rest.headers["content-range"] == f"bytes 1048577-{len(data) - 1}/{len(data)}"
    same = {"Range": "bytes=5-6", "If-Range": f'"{frozen.sha256}"'}
    assert client.get(f"{PREFIX}/{frozen.sha256}", headers=same).content == data[5:7]
    other = {"Range": "bytes=5-6", "If-Range": '"of another file"'}
    assert client.get(f"{PREFIX}/{frozen.sha256}", headers=other).content == data


def test_behind_the_end_is_a_problem(client: httpx.Client, frozen: Frozen) -> None:
    answer = client.get(f"{PREFIX}/{frozen.sha256}", headers={"Range": f"bytes={frozen.bytes}-"})
    assert (answer.status_code, answer.json()["type"]) == (416, "urn:convoy:problem:range-not-satisfiable")
    assert answer.headers["content-range"] == f"bytes */{frozen.bytes}"


def test_nothing_without_the_token(client: httpx.Client, frozen: Frozen) -> None:
    answer = httpx.get(f"{client.base_url}{PREFIX}/{frozen.sha256}", trust_env=False)
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:convoy:problem:unauthorized")


@pytest.mark.parametrize(
    "name",
    [
        "0" * 64,
        "F" * 64,
        "..%2f" + "a" * 59,
        "%2e%2e%2fsecret.db",
        "secret.db",
        "{sha256}.sqlite",
        "{sha256}%00",
        "{sha256}%0a",
        "..%2fsnapshots%2f{sha256}",
        ".lock",
        "note",
    ],
)
def test_nothing_else_is_served(client: httpx.Client, folder: Path, frozen: Frozen, name: str) -> None:
    (folder.parent / "secret.db").write_bytes(b"secret")
    (folder / ".lock").touch()
    (folder / f"{frozen.sha256}.needed-by-018f6f1e-0000-7000-8000-000000000001").touch()
    answer = client.get(f"{PREFIX}/{name.format(sha256=frozen.sha256)}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_links_and_folders_are_no_snapshots(client: httpx.Client, folder: Path, frozen: Frozen) -> None:
    secret = folder.parent / "secret.db"
    secret.write_bytes(b"secret")
    (folder / f"{'a' * 64}.sqlite").symlink_to(secret)
    (folder / f"{'b' * 64}.sqlite").mkdir()
    for name in ("a" * 64, "b" * 64):
        answer = client.get(f"{PREFIX}/{name}")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:convoy:problem:snapshot-not-found")
    assert client.get(f"{PREFIX}/{frozen.sha256}").status_code == 200


def test_only_reading_is_allowed(client: httpx.Client, frozen: Frozen) -> None:
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert client.request(method, f"{PREFIX}/{frozen.sha256}").status_code == 405
    assert Path(frozen.snapshot).exists()
