"""The little Markdown that the generated pages are made of: tables, code marks, marks of who wrote the page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

WRITTEN: Final = "*Made of the code by `make reference`; changes here are lost.*"


def code(text: str) -> str:
    """Return a text as a code mark of one line; the empty text stays empty."""
    text = " ".join(text.split())
    return f"`{text}`" if text else ""


def choices(values: Iterable[str]) -> str:
    """Return values that one may choose from."""
    return ", ".join(code(value) for value in values)


def cell(text: str) -> str:
    """Return a text that may stand in a cell: one line, no end of a cell inside, no tag by mistake."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(_mark(part) if part.startswith("`") else _prose(part) for part in parts)


def _prose(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _mark(mark: str) -> str:
    """Return a code mark; with a bar inside as HTML, since readers of Markdown differ on how one is written."""
    if "|" not in mark:
        return mark
    return f"<code>{html.escape(mark.strip('`')).replace('|', '&#124;')}</code>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table, an empty one behind it."""
    lines = [head, ["---"] * len(head), *rows]
    return [*("| " + " | ".join(cell(part) for part in line) + " |" for line in lines), ""]


def linked(text: str) -> str:
    """Return a text of the code whose mentions of `docs/page.md` lead there from docs/reference."""
    text = re.sub(r"(?<![\w/])docs/([\w-]+)\.md", r"[\1](../\1.md)", text)
    return text.replace("``", "`")


def page(title: str, beginning: str, *parts: Iterable[str]) -> str:
    """Return a whole page."""
    lines = [f"# {title}", "", WRITTEN, "", beginning, "", *(line for part in parts for line in part)]
    return "\n".join(lines).rstrip("\n") + "\n"
