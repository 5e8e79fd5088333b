"""What the site consists of: the pages in the order of `zensical.toml`, with titles and first sentences."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
CONFIGURATION: Final = "zensical.toml"


@dataclass(frozen=True, slots=True)
class SitePage:
    """One page. `path` is below docs/; `part` is the title of the part of the navigation that it stands in."""

    path: str
    part: str
    title: str
    beginning: str
    """The first sentence below the title, without marks."""
    text: str


def navigation(root: Path = ROOT) -> tuple[tuple[str, str], ...]:
    """Return part and path of each page, in the order of the navigation."""
    project = tomllib.loads((root / CONFIGURATION).read_text(encoding="utf-8"))["project"]
    return tuple(_entries(project["nav"], project["site_name"]))


def _entries(items: list[Any], part: str) -> Iterator[tuple[str, str]]:
    for item in items:
        if isinstance(item, str):
            yield part, item
            continue
        for title, target in item.items():
            if isinstance(target, str):
                yield part, target
            else:
                yield from _entries(target, title)


def site_pages(root: Path = ROOT) -> tuple[SitePage, ...]:
    """Return all pages with their texts, in the order of the navigation."""
    return tuple(_page(root, part, path) for part, path in navigation(root))


def _page(root: Path, part: str, path: str) -> SitePage:
    text = (root / "docs" / path).read_text(encoding="utf-8")
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    assert title is not None, f"docs/{path} has no title"  # noqa: S101  # each page begins with one
    return SitePage(path, part, title[1], _first_sentence(text[title.end() :]), text)


def _first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph that is prose."""
    for paragraph in re.split(r"\n\s*\n", text):
        words = " ".join(paragraph.split())
        if words and not re.match(r"[#|>*<!-]|```", words):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words)
            return re.split(r"(?<=[.:])\s", plain, maxsplit=1)[0].rstrip(":")
    return ""
