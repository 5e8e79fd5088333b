from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from migration.errors import SettingError
from migration.evidence_errors import SigningKeyError
from migration.report.report_builder import assemble
from migration.report.report_files import seal_report, write_report
from migration.report.report_manifest import MANIFEST_NAME, SIGNATURE_NAME, find_tampering
from migration.report.report_signature import is_signed_by, load_signing_key
from tests.unit.report.test_html_report import SCENARIOS

PEM = Encoding.PEM


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The report of a run, with files of others in its folder."""
    made = tmp_path / "report"
    made.mkdir()
    (made / "of a user\n\\.txt").write_text("mine", encoding="utf-8")
    (made / "sub").mkdir()
    (made / "sub" / "file").touch()
    write_report(assemble(next(iter(SCENARIOS.values()))()), made)
    return made


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def private_pem(key: Ed25519PrivateKey) -> str:
    return key.private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_file(key: Ed25519PrivateKey, folder: Path) -> Path:
    path = folder / "signing.pub"
    path.write_bytes(key.public_key().public_bytes(PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def tampering(folder: Path) -> list[tuple[str, str]]:
    found = find_tampering(folder, (folder / MANIFEST_NAME).read_bytes())
    return [(one.kind.value, one.name) for one in found]


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return apply


def link(folder: Path) -> None:
    real = folder.parent / "elsewhere.html"
    shutil.move(folder / "report.html", real)
    (folder / "report.html").symlink_to(real)


def listen(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))


def pipe(folder: Path) -> None:
    (folder / "report.html").unlink()
    os.mkfifo(folder / "report.html")


def test_whole_report_is_as_its_manifest_says(folder: Path) -> None:
    assert tampering(folder) == []


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="sha256sum is not installed")
def test_sha256sum_reads_the_manifest(folder: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "-c", "--strict", MANIFEST_NAME],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("OK") == 4


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (edit("report.json", lambda old: old.replace(b"1", b"2", 1)), ("changed", "report.json")),
        (edit("report.html", lambda old: old + b" "), ("changed", "report.html")),
        (edit("report.html", lambda _: b""), ("changed", "report.html")),
        (edit("of a user\n\\.txt", lambda _: b"yours"), ("changed", "of a user\n\\.txt")),
        (lambda folder: (folder / "report.html").unlink(), ("missing", "report.html")),
        (lambda folder: (folder / "more.txt").touch(), ("added", "more.txt")),
        (lambda folder: (folder / ".hidden").touch(), ("added", ".hidden")),
        (lambda folder: (folder / "dangling").symlink_to("/nowhere"), ("added", "dangling")),
        (lambda folder: (folder / "evidence").symlink_to("/etc"), ("added", "evidence")),
        (lambda folder: os.mkfifo(folder / "pipe"), ("added", "pipe")),
        (pipe, ("changed", "report.html")),
        (listen, ("added", "s")),
        (lambda folder: (folder / f"{MANIFEST_NAME}.sig").mkdir(), ("added", f"{MANIFEST_NAME}.sig")),
        (link, ("changed", "report.html")),
        (edit(MANIFEST_NAME, lambda old: old[:-1]), ("manifest", "it is cut off or empty")),
        (edit(MANIFEST_NAME, lambda _: b""), ("manifest", "it is cut off or empty")),
    ],
)
def test_tampering_is_found_and_named(
    folder: Path, tamper: Callable[[Path], None], expected: tuple[str, str]
) -> None:
    tamper(folder)
    assert expected in tampering(folder)


def test_manifest_with_lines_of_its_own_is_none(folder: Path) -> None:
    path = folder / MANIFEST_NAME
    honest = path.read_bytes()
    first = honest.splitlines(keepends=True)[-1]
    for extra in (first, b"no line\n", b"0" * 64 + b"  ../secret\n", b"0" * 64 + b"  manifest.sha256.sig\n"):
        path.write_bytes(honest + extra)
        assert [kind for kind, _ in tampering(folder)] == ["manifest"]


def test_report_written_again_has_a_manifest_of_its_own(folder: Path, key: Ed25519PrivateKey) -> None:
    seal_report(folder, private_pem(key))
    assert (folder / SIGNATURE_NAME).exists()
    write_report(assemble(next(iter(SCENARIOS.values()))()), folder)
    assert not (folder / SIGNATURE_NAME).exists()
    assert tampering(folder) == []


@pytest.mark.parametrize("is_file", [True, False])
def test_signature_is_of_one_key_and_one_manifest(
    folder: Path, tmp_path: Path, key: Ed25519PrivateKey, is_file: bool
) -> None:
    setting = private_pem(key)
    if is_file:
        (tmp_path / "signing.pem").write_text(setting, encoding="utf-8")
        setting = str(tmp_path / "signing.pem")
    else:
        setting = setting.replace("\n", "\\n")  # as .env keeps it
    seal_report(folder, setting)
    manifest, signature = ((folder / name).read_bytes() for name in (MANIFEST_NAME, SIGNATURE_NAME))
    public = public_file(key, tmp_path)
    assert is_signed_by(manifest, signature, public)
    assert not is_signed_by(manifest + b" ", signature, public)
    assert not is_signed_by(manifest, signature[:-1], public)
    assert not is_signed_by(manifest, b"", public)
    assert not is_signed_by(manifest, signature, public_file(Ed25519PrivateKey.generate(), tmp_path))
    for path in folder.iterdir():
        assert not path.is_file() or b"PRIVATE" not in path.read_bytes()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_checks_the_signature(folder: Path, tmp_path: Path, key: Ed25519PrivateKey) -> None:
    seal_report(folder, private_pem(key))
    words = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", str(public_file(key, tmp_path))]
    words += ["-in", str(folder / MANIFEST_NAME), "-sigfile", str(folder / SIGNATURE_NAME)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "only supports" in done.stderr or "unknown option" in done.stderr.lower():
        pytest.skip("this openssl is too old for Ed25519")
    assert done.returncode == 0, done.stdout + done.stderr


def test_setting_that_is_no_key_is_one_sentence_without_it(tmp_path: Path, key: Ed25519PrivateKey) -> None:
    locked = key.private_bytes(PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()
    rsa = generate_private_key(65537, 2048).private_bytes(PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for value in (str(tmp_path / "none"), str(tmp_path), locked, rsa, public, "-----BEGIN nonsense"):
        with pytest.raises(SettingError) as caught:
            load_signing_key(value)
        assert "MIGRATION_SIGNING_KEY" in str(caught.value)
        assert "BEGIN" not in str(caught.value)
    for content in (private_pem(key), "nonsense", ""):
        (tmp_path / "wrong.pub").write_text(content, encoding="utf-8")
        with pytest.raises(SigningKeyError):
            is_signed_by(b"", b"", tmp_path / "wrong.pub")
