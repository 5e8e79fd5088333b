"""docs/configuration.md has every setting with its true default, and marks every secret."""

from __future__ import annotations

import re
from pathlib import Path

from migration.settings import Settings, secret_names

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
ROWS = {
    name.lower(): (default.strip("` "), meaning)
    for name, default, meaning in re.findall(
        r"^\| `MIGRATION_([A-Z_]+)` \|(.*?)\|(.+)\|$", PAGE, re.MULTILINE
    )
}


def test_the_table_has_every_setting_in_order() -> None:
    assert list(ROWS) == list(Settings.model_fields)


def test_the_defaults_are_true() -> None:
    shown = {name: default for name, (default, _) in ROWS.items()}
    true = {
        name: "" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert shown == true


def test_secrets_are_marked() -> None:
    assert {name for name, (_, meaning) in ROWS.items() if "*secret.*" in meaning} == secret_names()
    assert all(len(meaning.strip()) > 5 for _, meaning in ROWS.values())
