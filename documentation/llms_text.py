"""`llms.txt` and `llms-full.txt` of the site (https://llmstxt.org): for programs that read before they act."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from documentation.site_pages import SitePage

_IN_SHORT: Final = (
    "One command does a whole migration: `migration-cli migrate --source FILE --target-url URL --json`. Exit status 0"
    " means that every row was proved equal; 1 that it is done, with findings or rows kept apart; 2 that the input"
    " cannot be used and nothing was changed; 3 that it failed and can be resumed. On stdout there is one JSON"
    " document: the report, or `error` with a `code` of errors.json and `next_steps` to type. `dry-run` writes nothing."
)
_FOR_PROGRAMS: Final = (
    (
        "errors.json",
        "every error code with exit status, HTTP status, fields and remedy, and every next step; closed",
    ),
    ("openapi.json", "the HTTP API as OpenAPI"),
    ("report.schema.json", "report.json as a JSON Schema"),
    ("llms-full.txt", "all pages below in one text"),
)
_OPTIONAL: Final = ("Explanation", "Applications")
"""Parts that may be left out where room is short."""


def llms_text(pages: tuple[SitePage, ...], summary: str) -> str:
    """Return `llms.txt`: what this is, how a program drives it, and a line for each page with its link."""
    lines = [
        "# Convoy",
        "",
        f"> {summary}",
        "",
        _IN_SHORT,
        "",
        "## For programs",
        "",
        *(f"- [{name}]({name}): {meaning}" for name, meaning in _FOR_PROGRAMS),
        "",
    ]
    parts = [(part, list(group)) for part, group in groupby(pages, key=lambda page: page.part)]
    for part, group in sorted(parts, key=lambda item: item[0] in _OPTIONAL):
        if part not in _OPTIONAL:
            lines += [f"## {part}", "", *map(_line, group), ""]
    lines += ["## Optional", ""]
    lines += [_line(page) for page in pages if page.part in _OPTIONAL]
    return "\n".join(lines) + "\n"


def _line(page: SitePage) -> str:
    return f"- [{page.title}]({page.path})" + (f": {page.beginning}" if page.beginning else "")


def llms_full_text(pages: tuple[SitePage, ...]) -> str:
    """Return `llms-full.txt`: all pages one after the other, each behind a line that names its file."""
    return "\n\n".join(f"<!-- {page.path} -->\n\n{page.text.strip()}" for page in pages) + "\n"
