from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from migration.errors import TargetLoginError, TargetUnreachableError
from migration.settings import load_settings
from producer.cli.unnamed_target import TARGET_VALUES, with_advice_to_name_a_target


def unanswered(error: TargetUnreachableError, **values: Any) -> str:
    """Return what a command says that was given these flags and could not connect."""

    @with_advice_to_name_a_target
    def command(**taken: Any) -> None:
        for name in TARGET_VALUES:
            taken.pop(name)
        raise error

    with pytest.raises(type(error)) as found:
        command(**(dict.fromkeys(TARGET_VALUES) | values))
    return str(found.value)


@pytest.fixture(autouse=True)
def _settings_of_this_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("MIGRATION_TARGET_URL", raising=False)
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.mark.parametrize("kind", [TargetUnreachableError, TargetLoginError])
def test_who_named_no_target_is_told_how_to(kind: type[TargetUnreachableError]) -> None:
    error = kind("Connection refused", remedy="Check the host", server="here:5432")
    said = unanswered(error)

    assert said.startswith("Connection refused (")
    assert "here:5432" in said
    assert "--target-url embedded" in said
    assert "Check the host" not in said


def test_embedded_server_of_this_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATION_EMBEDDED_DIR", str(tmp_path))
    (tmp_path / "PG_VERSION").write_text("16")

    assert f"`--target-url embedded` for that in {tmp_path}" in unanswered(TargetUnreachableError("Refused"))


@pytest.mark.parametrize("name", TARGET_VALUES)
def test_who_named_one_is_told_what_is_wrong_with_it(name: str) -> None:
    assert unanswered(TargetUnreachableError("Refused", remedy="Check the host"), **{name: "x"}) == (
        "Refused. Check the host."
    )


def test_setting_names_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIGRATION_TARGET_URL", "postgresql://host/shop")
    assert "embedded" not in unanswered(TargetUnreachableError("Refused", remedy="Check the host"))
