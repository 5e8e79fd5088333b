"""Secrets of the settings that stand in files."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from migration.settings import SECRETS, Settings

PLANTED = {
    "broker_url": "redis://planted",
    "target_url": "postgresql://planted",
    "source_urls": "https://planted/a.db",
}
"""What is no URL is refused; of the others any text is a secret."""


def settings_of(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"MIGRATION_{name}", value)
    return Settings(_env_file=None)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", SECRETS)
def test_each_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    file = tmp_path / "secret"
    planted = PLANTED.get(name, "planted")
    file.write_text(f"  {planted} \n")

    settings = settings_of(monkeypatch, **{f"{name.upper()}_FILE": str(file)})

    if name == "api_token":
        assert settings.api_tokens() == (planted,)
        return
    value = getattr(settings, name)
    assert (value.get_secret_value() if isinstance(value, SecretStr) else value) == planted
    assert getattr(settings, f"{name}_file") is None


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_given_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("planted-in-file")

    with pytest.raises(ValidationError, match="are both set") as refused:
        settings_of(monkeypatch, **{name.upper(): "planted-in-text", f"{name.upper()}_FILE": str(file)})
    assert "planted" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"TARGET_PASSWORD_FILE names .*missing, which cannot be read"):
        settings_of(monkeypatch, TARGET_PASSWORD_FILE=str(tmp_path / "missing"))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValidationError, match="no text in UTF-8"):
        settings_of(monkeypatch, TARGET_PASSWORD_FILE=str(tmp_path / "bytes"))


def test_an_empty_name_of_a_file_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, TARGET_PASSWORD="planted", TARGET_PASSWORD_FILE="")

    assert settings.target_password == SecretStr("planted")


def test_what_is_wrong_with_one_setting_tells_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_of(monkeypatch, TARGET_PASSWORD="planted", API_TOKEN="planted", API_PORT="planted")
    assert "planted" not in str(refused.value)
