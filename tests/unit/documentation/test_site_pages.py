"""Every page of docs/ stands in the navigation of the site, once, and begins with a title."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from documentation.llms_text import llms_full_text, llms_text
from documentation.site_pages import ROOT, navigation, site_pages

PAGES = sorted(path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md"))


def test_every_page_is_in_the_navigation_once() -> None:
    listed = Counter(path for _, path in navigation())
    missing = sorted(set(PAGES) - set(listed))
    assert missing == [], "add it to `nav` of zensical.toml, in the part that its reader would look in"
    assert sorted(set(listed) - set(PAGES)) == [], "in `nav` of zensical.toml, but not in docs/"
    assert [path for path, times in listed.items() if times > 1] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_of_a_page_stay_among_the_pages(name: str) -> None:
    """The site consists of docs/ alone: a link out of it would lead nowhere there."""
    path = ROOT / "docs" / name
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            assert (path.parent / target).resolve().is_relative_to(ROOT / "docs"), target


def test_every_page_has_one_title_and_most_begin_with_a_sentence() -> None:
    pages = site_pages()
    prose = [re.sub(r"^```.*?^```$", "", page.text, flags=re.MULTILINE | re.DOTALL) for page in pages]
    assert [
        page.path
        for page, text in zip(pages, prose, strict=True)
        if len(re.findall(r"^# ", text, re.MULTILINE)) != 1
    ] == []
    assert [page.path for page in pages if not page.beginning] == []


def test_llms_txt_has_the_form_of_llmstxt_org() -> None:
    pages = site_pages()
    text = llms_text(pages, "What it is.")
    lines = text.splitlines()
    assert lines[0] == "# Convoy"
    assert lines[2] == "> What it is."
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)(?:: .+)?$", text, re.MULTILINE)
    assert {page.path for page in pages} <= set(links)
    assert len(links) == sum(line.startswith("- ") for line in lines)
    assert lines.index("## Optional") == max(
        place for place, line in enumerate(lines) if line.startswith("## ")
    )


def test_the_full_text_holds_every_page_whole() -> None:
    pages = site_pages()
    text = llms_full_text(pages)
    assert all(page.text.strip() in text for page in pages)
