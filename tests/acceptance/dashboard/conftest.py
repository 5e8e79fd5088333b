from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser_pages import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the session: while it runs, its event loop is that of the thread, and no other test could have one.
    with chromium() as started:
        yield started
