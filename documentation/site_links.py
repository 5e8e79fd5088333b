"""Whether all that the pages of the built site point at is there: files, anchors, images, scripts; and is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urldefrag, urlsplit

_POINTING: Final = {
    "a": ("href",),
    "link": ("href",),
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
}
_ELSEWHERE: Final = ("http", "https")


@dataclass
class _Page(HTMLParser):
    """Names and references of one HTML page."""

    names: set[str] = field(default_factory=set)
    found: list[tuple[str, str]] = field(default_factory=list)
    """Tag and what it points at."""
    has_bare_fence: bool = False
    """A fence of Markdown stands in the text: its block was not understood."""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag is called and what it points at."""
        values = dict(attrs)
        self.names |= {
            value for value in (values.get("id"), values.get("name") if tag == "a" else None) if value
        }
        self.found += [(tag, value) for name in _POINTING.get(tag, ()) if (value := values.get(name))]

    def handle_data(self, data: str) -> None:
        """Note a fence that is left over."""
        self.has_bare_fence |= "```" in data


def broken_links(site: Path) -> list[str]:
    """Return a sentence for each thing of a built site that leads nowhere, or that a page loads from elsewhere.

    Links of the text to other sites are not looked at: whether these answer is no property of this one.
    """
    pages = {path.resolve(): _read(path) for path in sorted(site.rglob("*.html"))}
    return [
        problem for path, page in pages.items() for problem in _problems(path, page, pages, site.resolve())
    ]


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _problems(path: Path, page: _Page, pages: dict[Path, _Page], site: Path) -> Iterator[str]:
    where = path.relative_to(site).as_posix()
    if page.has_bare_fence:
        yield f"{where}: a fenced block is shown as text; look at the line that opens it"
    for tag, reference in page.found:
        parts = urlsplit(reference)
        if parts.scheme in _ELSEWHERE or reference.startswith("//"):
            if tag != "a":
                yield f"{where}: {tag} loads {reference} from elsewhere"
            continue
        if parts.scheme:
            continue  # data:, mailto:
        file, anchor = urldefrag(reference)
        base = site if file.startswith("/") else path.parent
        target = (base / unquote(urlsplit(file).path).lstrip("/")).resolve() if file else path
        if target.is_dir():
            target /= "index.html"
        if not target.is_relative_to(site) or not target.is_file():
            yield f"{where}: {reference} is not there"
        elif anchor and target in pages and unquote(anchor) not in pages[target].names:
            yield f"{where}: {reference} names no place of that page"
