"""The pages of the profiles are what the data files say, no more and no less."""

from __future__ import annotations

import pytest

from tests.support.application_pages import FOLDER, INDEX, pages
from tests.support.documentation import ROOT

PAGES = pages()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_is_made_of_its_profile(page) -> None:
    assert page.read_text(encoding="utf-8") == PAGES[page], "python -m tests.support.application_pages"


def test_no_page_is_left_over_and_readers_find_them() -> None:
    assert {*FOLDER.glob("*.md"), INDEX} == PAGES.keys()
    assert "docs/applications.md" in (ROOT / "README.md").read_text(encoding="utf-8")
