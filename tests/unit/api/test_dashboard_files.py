from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from api.app import create_app
from api.dashboard_files import FILES_PREFIX, dashboard_files
from tests.support.api import ApiClient, api_settings

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "api/dashboard"
VENDORED = FOLDER / "vendored"
MANIFEST = tomllib.loads((VENDORED / "vendored_libraries.toml").read_text(encoding="utf-8"))
OWN = sorted(path for path in FOLDER.iterdir() if path.is_file())
MODULES = [path for path in OWN if path.suffix == ".js"]
MOST_LINES = 400
IMPORT = re.compile(r'^\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)', re.MULTILINE)


def test_vendored_files_are_those_of_the_manifest_to_the_byte() -> None:
    listed = {name: digest for library in MANIFEST["library"] for name, digest in library["files"].items()}
    there = {
        path.relative_to(VENDORED).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDORED.rglob("*")
        if path.is_file() and path.name != "vendored_libraries.toml"
    }
    assert there == listed


@pytest.mark.parametrize("library", MANIFEST["library"], ids=lambda library: str(library["name"]))
def test_a_vendored_library_has_version_licence_and_the_hash_of_its_package(library: dict[str, str]) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"])
    assert library["licence"] in {"MIT", "BSD-3-Clause"}
    assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", library["integrity"])
    assert any(name.endswith("/LICENSE") for name in library["files"])


def test_the_manifest_names_no_address() -> None:
    assert "://" not in (VENDORED / "vendored_libraries.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_file_of_the_pages_is_short_and_named_by_two_words(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= MOST_LINES
    assert "_" in path.stem


def test_no_two_files_of_the_pages_and_modules_have_one_name() -> None:
    rooms = ("api", "migration", "producer", "worker")
    names = [
        path.stem for room in rooms for path in (ROOT / room).rglob("*_*.py") if "versions" not in path.parts
    ]
    assert {path.name for path in OWN if Counter(p.name for p in OWN)[path.name] > 1} == set()
    assert {path.stem for path in MODULES} & set(names) == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_import_only_files_that_are_served(path: Path) -> None:
    found = [first or second for first, second in IMPORT.findall(path.read_text(encoding="utf-8"))]
    for name in found:
        assert name.startswith("./")
        assert name.removeprefix("./") in dashboard_files()


@pytest.mark.parametrize("path", [*MODULES, *FOLDER.glob("*.html")], ids=lambda path: path.name)
def test_nothing_is_inline_and_nothing_becomes_markup_unread(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    # Names of tables come from foreign files: whoever puts them into markup gives them a script.
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafe|\beval\(|new Function", text
    )
    assert not re.search(r'\sstyle="|\son[a-z]+="|<style|<script(?![^>]*\ssrc=)', text)


def test_every_file_is_in_the_wheel() -> None:
    builder = WheelBuilder(str(ROOT))
    packed = {file.distribution_path for file in builder.recurse_included_files()}
    for path in FOLDER.rglob("*"):
        if path.is_file():
            assert path.relative_to(ROOT).as_posix() in packed


def test_files_need_no_token_and_carry_the_policy() -> None:
    client = ApiClient(create_app(api_settings(None)))
    for name, file in dashboard_files().items():
        answer = client.get(FILES_PREFIX + name)
        if name.endswith(".html"):
            assert answer.status_code == 404
            continue
        assert answer.status_code == 200
        assert answer.content == file.content
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_browser_that_has_a_file_gets_none() -> None:
    client = ApiClient(create_app(api_settings(None)))
    path = FILES_PREFIX + "theme_colours.css"
    tag = client.get(path).headers["etag"]

    again = client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})

    assert again.status_code == 304
    assert again.content == b""
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "../app.py",
        "%2e%2e/app.py",
        "..%2fapp.py",
        "vendored/../../app.py",
        "/etc/passwd",
        "",
        "vendored",
        "x.js",
    ],
)
def test_no_path_leads_out_of_the_table(path: str) -> None:
    client = ApiClient(create_app(api_settings(None)))
    answer = client.get(FILES_PREFIX + path)
    assert answer.status_code in {401, 404}
    assert b"create_app" not in answer.content


def test_pages_have_the_strict_policy() -> None:
    client = ApiClient(create_app(api_settings(None)))
    for path in ("/", "/docs"):
        answer = client.get(path)
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
