"""Debian's and npm's packages of real applications: unpacked beside each other, held by pins without addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.applications.application_environments import Environment, read_environments
from tests.applications.debian_packages import keep_links_inside, library_variables

OF_NPM = [one for one in read_environments().values() if one.kind == "npm"]


def test_absolute_links_lead_to_what_was_unpacked_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr" / "share").mkdir(parents=True)
    (tmp_path / "etc" / "settings").write_text("ours", encoding="utf-8")
    inside, outside, beside = (tmp_path / "usr" / "share" / name for name in ("inside", "outside", "beside"))
    inside.symlink_to("/etc/settings")
    outside.symlink_to("/nowhere/at/all")
    beside.symlink_to("inside")
    keep_links_inside(tmp_path)
    assert inside.read_text(encoding="utf-8") == beside.read_text(encoding="utf-8") == "ours"
    assert not inside.readlink().is_absolute()
    assert outside.readlink() == Path("/nowhere/at/all")
    assert beside.readlink() == Path("inside")


def test_programs_find_libraries_and_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    (tmp_path / "usr" / "lib" / "x86_64-linux-gnu").mkdir(parents=True)
    found = library_variables(tmp_path)
    assert found["LD_LIBRARY_PATH"] == str(tmp_path / "usr" / "lib" / "x86_64-linux-gnu")
    assert found["PATH"].split(":") == [f"{tmp_path}/usr/bin", f"{tmp_path}/usr/sbin", "/bin"]


@pytest.mark.parametrize("environment", OF_NPM, ids=lambda environment: environment.name)
def test_pins_of_npm_hold_what_is_asked_for_and_name_no_registry(environment: Environment) -> None:
    packages = json.loads(environment.pins.read_text(encoding="utf-8"))["packages"]
    assert packages[""]["dependencies"] == dict(name.rsplit("@", 1) for name in environment.packages)
    assert not any("resolved" in package for package in packages.values())
    assert all(package.get("integrity") for name, package in packages.items() if name)
    assert {f"node_modules/{name}" for name in environment.compiled} <= packages.keys()
