"""docs/reference/settings.md: every setting with its type, default and meaning, from the one class that reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from documentation.attribute_docstrings import attribute_docstrings
from documentation.markdown_parts import code, linked, page, table
from migration.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[1] / ".env.example"
_KINDS: dict[type, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Path: "path",
    SecretStr: "text, secret",
}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def settings_page() -> str:
    """Return the page."""
    texts = attribute_docstrings(Settings)
    names = {_name(field) for field in Settings.model_fields}
    comments = _comments()
    rows = [_row(field, info, texts, comments) for field, info in Settings.model_fields.items()]
    others = [
        (code(name), code(default), linked(text or _of_file(name)))
        for name, (default, text) in comments.items()
        if name not in names
    ]
    return page(
        "Settings",
        "Variables of the environment, lines of `.env`, or, without `MIGRATION_` and in small letters, of"
        " `convoy.toml`; [which of them counts](../configuration.md). Durations are in seconds and sizes in bytes. An"
        " empty value is as good as none. `.env.example` has all of them with a comment:"
        " `install -m 600 .env.example .env`.",
        table(("setting", "type", "default", "meaning"), rows),
        *(
            [
                ["## Of the programs around Convoy", ""],
                table(("variable", "example or default", "meaning"), others),
            ]
            if others
            else []
        ),
    )


def _name(field: str) -> str:
    return f"{Settings.model_config['env_prefix']}{field}".upper()


def _row(
    field: str, info: FieldInfo, texts: dict[str, str], comments: dict[str, tuple[str, str]]
) -> tuple[str, str, str, str]:
    text = texts.get(field) or info.description or comments.get(_name(field), ("", ""))[1]
    text = text or _of_file(_name(field))
    bounds = [
        f"{words} {getattr(rule, key)}"
        for rule in info.metadata
        for key, words in _BOUNDS.items()
        if getattr(rule, key, None) is not None
    ]
    kind = ", ".join([_kind(info.annotation), *bounds])
    return code(_name(field)), kind, _default(info), linked(text)


def _of_file(name: str) -> str:
    return (
        f"A file that holds `{name.removesuffix('_FILE')}`, instead of that."
        if name.endswith("_FILE")
        else ""
    )


def _kind(annotation: Any) -> str:
    parts = [part for part in getattr(annotation, "__args__", (annotation,)) if part is not type(None)]
    return " or ".join(
        dict.fromkeys(_KINDS.get(part, str(getattr(part, "__name__", part))) for part in parts)
    )


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True, validated_data={})
    if value is None or value is PydanticUndefined or isinstance(value, SecretStr):
        return ""
    return code(str(value))


def _comments() -> dict[str, tuple[str, str]]:
    """Return name → value and comment of the lines of `.env.example`."""
    return dict(_commented(EXAMPLE.read_text(encoding="utf-8")))


def _commented(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    comment: list[str] = []
    for line in text.splitlines():
        setting = re.match(r"(?:# )?([A-Z][A-Z0-9_]*)=(.*)", line)
        if setting:
            yield setting[1], (setting[2].strip("'"), " ".join(comment))
            comment = []
        elif line.startswith("# ---") or not line.strip():
            comment = []
        elif line.startswith("# "):
            comment.append(line.removeprefix("# "))
