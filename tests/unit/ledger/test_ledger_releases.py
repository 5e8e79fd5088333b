"""Which of two versions is the older one, and that each release says of which revision its ledger is."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from migration.ledger.ledger_database import newest_revision
from migration.ledger.ledger_releases import EARLIER_RELEASES, Age, age_of, shown_revision

ROOT = Path(__file__).resolve().parents[3]
RELEASE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


@pytest.mark.parametrize(
    ("version", "beside", "age"),
    [
        ("0.2.0+ledger.0014", "0.2.0+ledger.0014", Age.SAME),
        ("0.1.0+ledger.0009", "0.2.0+ledger.0014", Age.OLDER),
        ("0.2.0+ledger.0014", "0.1.0+ledger.0009", Age.NEWER),
        ("0.2.0+ledger.0013", "0.2.0+ledger.0014", Age.OLDER),
        ("0.10.0+ledger.0020", "0.9.0+ledger.0020", Age.NEWER),
        (None, "0.2.0+ledger.0014", Age.OLDER),
    ],
)
def test_the_release_counts_before_the_revision(version: str | None, beside: str, age: Age) -> None:
    assert age_of(version, beside) is age


def test_a_revision_is_shown_with_its_release() -> None:
    assert (shown_revision("0009"), shown_revision("0011")) == ("0009 (Convoy 0.1.0)", "0011")


def test_changelog_and_upgrading_have_every_release_with_the_revision_of_its_ledger() -> None:
    releases = {**EARLIER_RELEASES, RELEASE: newest_revision()}
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = dict(
        re.findall(r"^## \[([\d.]+)\][^\n]*\n\nThe ledger is of revision (\d{4})", changelog, re.MULTILINE)
    )
    assert found == releases, "each release of CHANGELOG.md begins with `The ledger is of revision NNNN`"
    page = (ROOT / "docs" / "upgrading.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| ([\d.]+) \| (\d{4}) \|", page, re.MULTILINE)) == releases


def test_manifests_name_the_image_of_this_release() -> None:
    manifest = (ROOT / "deploy" / "kubernetes" / "kustomization.yaml").read_text(encoding="utf-8")
    assert f"newTag: {RELEASE} " in manifest
