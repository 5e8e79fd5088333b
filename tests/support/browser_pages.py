"""Chromium for tests: found on the machine, and watched for whatever a page may not do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")
HEIGHT = 900
PATIENCE_MS = 60_000
"""A bound on a hang; a busy machine may take its time."""

# Set before any script of a page: what the policy has stopped says so on the document.
_COUNT_VIOLATIONS = """
addEventListener("securitypolicyviolation", event => {
  (window.__violations ||= []).push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


def find_chromium() -> str:
    """Return the path of a Chromium; skips where there is none, and fails in CI, which installs it before."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        told = "No Chromium is on PATH: scripts/browser.sh installs one on Debian and Ubuntu, as root."
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium without a window. Its sandbox needs rights that root in a container has not."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class WatchedPage:
    """A page of the dashboard, and all that it has complained of."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        host = urlsplit(self.base).netloc
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.add_init_script(_COUNT_VIOLATIONS)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("console", self._listen)
        self.page.on("request", lambda request: self._see(request.url, host))

    def _listen(self, message: Any) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} {message.location.get('url', '')}")

    def _see(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"data", "blob"} and parts.netloc != host:
            self.strangers.append(url)

    def open(self, place: str) -> None:
        """Show a page by its part behind `#`, or by its path."""
        self.page.goto(self.base + (place if place.startswith("/") else f"/{place}"))

    def sign_in(self, token: str) -> None:
        self.open("#/runs")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", name="Runs", exact=True).wait_for()

    def check_quiet(self) -> None:
        """Nothing was complained of, loaded from elsewhere or stopped by the policy."""
        assert self.complaints == []
        assert self.strangers == []
        assert self.page.evaluate("window.__violations || []") == []

    def check_accessible(self, what: str) -> None:
        """axe-core finds nothing on what is shown, and nothing is wider than the window."""
        found = Axe().run(self.page).response["violations"]
        told = [(v["id"], v["impact"], [node["html"][:200] for node in v["nodes"][:3]]) for v in found]
        assert told == [], what
        wider = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{what} is {wider} px wider than its window"


def new_page(
    browser: Browser, base: str, *, width: int = WIDTHS[0], scheme: str = "light"
) -> tuple[BrowserContext, WatchedPage]:
    """Return a page in a browser that has never been here; the caller closes its context."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="en-GB",
        timezone_id="Europe/Vienna",
        reduced_motion="reduce",
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    return context, WatchedPage(context.new_page(), base)
