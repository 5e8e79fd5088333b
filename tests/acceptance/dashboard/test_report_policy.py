"""report.html in a browser, as a file: its own script runs, and nothing that a stranger might get into the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from api.page_routes import REPORT_HEADERS
from migration.report.html_report import render_html, report_policy
from migration.report.report_builder import assemble
from migration.report.run_facts import Facts
from tests.support.browser_pages import WatchedPage, new_page
from tests.unit.report import scenarios

SMUGGLED = """
<script>window.ran = "script"</script>
<script src="data:text/javascript,window.ran='source'"></script>
<img src="data:," onerror="window.ran = 'handler'">
<a id="link" href="javascript:window.ran='link'">link</a>
<svg onload="window.ran = 'drawing'"></svg>
<style>h1 { display: none }</style>
<p id="styled" style="position: fixed">styled</p>
<base href="http://192.0.2.1/">
"""


@pytest.fixture
def watched(browser: Browser) -> Iterator[WatchedPage]:
    context, page = new_page(browser, "file://")
    yield page
    context.close()


def write(folder: Path, page: str) -> str:
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("facts", [scenarios.school_facts, scenarios.troubled_facts, scenarios.dry_run_facts])
def test_a_report_uses_nothing_that_its_policy_stops(
    watched: WatchedPage, tmp_path: Path, facts: Callable[[], Facts]
) -> None:
    watched.page.goto(write(tmp_path, render_html(assemble(facts()))))
    expect(watched.page.locator("h1")).to_be_visible()
    heads = watched.page.locator("table[data-sortable] th button")
    heads.first.click()  # its script is there
    expect(watched.page.locator("th[aria-sort]")).to_have_count(1)
    expect(watched.page.locator("body")).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    for bar in watched.page.locator("svg.bar rect").all():
        assert bar.evaluate("rect => getComputedStyle(rect).fill") != "rgb(0, 0, 0)"
    watched.check_quiet()
    watched.check_accessible("report")


def test_whatever_slips_into_a_report_does_not_run(watched: WatchedPage, tmp_path: Path) -> None:
    page = render_html(assemble(scenarios.troubled_facts()))
    watched.page.goto(write(tmp_path, page.replace("<main>", f"<main>{SMUGGLED}", 1)))
    watched.page.locator("#link").click()
    assert watched.page.evaluate("window.ran") is None
    expect(watched.page.locator("h1")).to_be_visible()
    expect(watched.page.locator("#styled")).to_have_css("position", "static")
    assert watched.page.evaluate("document.baseURI").startswith("file:")
    assert len(watched.page.evaluate("window.__violations")) >= 7


def test_the_server_sends_the_policy_of_the_page() -> None:
    sent = REPORT_HEADERS["Content-Security-Policy"]
    assert sent == f"{report_policy()}; frame-ancestors 'none'"
    assert "unsafe" not in sent
    assert report_policy() in render_html(assemble(scenarios.school_facts()))
