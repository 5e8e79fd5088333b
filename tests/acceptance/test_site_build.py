"""docs/ becomes a site in which every link leads somewhere and nothing is loaded from elsewhere; a browser agrees."""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from documentation.site_build import SiteBuildError, build_site
from documentation.site_pages import ROOT

CHROMIUM = shutil.which("chromium")
# What a page can get wrong is of the theme (one page in both) or of a width (a wide table on a phone).
LOOKED_AT = (
    ("how-to/platform-team.html", (1280, "light")),
    ("how-to/platform-team.html", (390, "dark")),
    ("index.html", (1280, "dark")),
    ("errors.html", (390, "light")),
)


def copied(folder: Path) -> Path:
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(copied(tmp_path_factory.mktemp("site")))


def test_the_site_is_built_with_every_link_leading_somewhere(site: Path) -> None:
    assert (site / "index.html").is_file()
    assert (site / "llms.txt").is_file()
    assert (site / "errors.json").read_bytes() == (ROOT / "docs" / "errors.json").read_bytes()
    assert (site / "tutorial.md").read_bytes() == (ROOT / "docs" / "tutorial.md").read_bytes()


def test_pages_that_point_at_nothing_are_refused_by_name(tmp_path: Path) -> None:
    root = copied(tmp_path)
    for name, link in (("plan", "gone.md"), ("limits", "errors.md#no-such-code")):
        with (root / "docs" / f"{name}.md").open("a", encoding="utf-8") as page:
            page.write(f"\n\n[Look]({link}).\n")
    with pytest.raises(SiteBuildError) as refused:
        build_site(root)
    assert all(name in str(refused.value) for name in ("plan", "limits")), refused.value


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    handler = functools.partial(_Silent, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    asked: list[str] = []
    opened.on("request", lambda sent: asked.append(sent.url))
    yield opened
    context.close()
    assert problems == []
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))] == []


@pytest.mark.parametrize(("name", "page"), LOOKED_AT, indirect=["page"])
def test_a_page_has_no_violation_and_does_not_run_out_of_the_screen(
    page: Page, address: str, name: str
) -> None:
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    assert [(item["id"], item["nodes"][0]["html"][:200]) for item in found.response["violations"]] == []


@pytest.mark.parametrize("page", [(1280, "light")], indirect=True)
def test_the_search_finds_an_error_code(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html", wait_until="networkidle")
    page.get_by_role("button", name="Search").first.click()
    page.get_by_role("combobox").first.fill("target-permission-denied")
    page.get_by_text(re.compile(r"[1-9]\d* results?")).first.wait_for(timeout=60_000)
