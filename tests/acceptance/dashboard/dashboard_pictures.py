"""Takes the pictures of the dashboard for README and docs/: `make pictures`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from tests.support.browser_pages import WatchedPage, chromium, new_page
from tests.support.running_processes import UpCluster, up_cluster
from tests.support.spoiled_library import make_spoiled_library

IMAGES = Path(__file__).resolve().parents[3] / "docs/images"
V1 = "/api/v1/migration"
PATIENCE_SECONDS = 300
LARGE_ROWS = 400_000
SMALL_ROWS = 4_000
SHOWN_SHARE = 0.5
"""Of the chunks, when the run is shown."""


def follow(client: httpx.Client, run_id: str, *, until_share: float = 1.0) -> None:
    """Wait until so many of a run's chunks are copied, or for its end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        status: dict[str, Any] = client.get(f"{V1}/{run_id}/status", params={"tables": "none"}).json()
        is_far = status["chunks_total"] and status["chunks_done"] / status["chunks_total"] >= until_share
        if status["finished"] or (until_share < 1 and is_far and status["phase"] == "copying"):
            return
        time.sleep(0.1)
    raise TimeoutError(run_id)


def start(client: httpx.Client, source: str, **options: Any) -> str:
    answer = client.post(f"{V1}/start", json={"sources": [source], "options": options})
    return str(answer.raise_for_status().json()["run_id"])


def take(page: Page, name: str, *, height: int) -> None:
    """Save what is shown, without a mark of the keyboard or the mouse."""
    width = page.viewport_size["width"] if page.viewport_size else 0
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{name}.png")


def picture_of_the_form(watched: WatchedPage) -> None:
    page = watched.page
    watched.open("#/start")
    page.get_by_role("checkbox", name="library.db").check()
    page.get_by_label("Schema of PostgreSQL").fill("reading")
    page.get_by_role("button", name="Dry-run").click()
    page.get_by_label("I have read").check(timeout=PATIENCE_SECONDS * 1000)
    take(page, "dashboard-start", height=900)


def picture_of_a_run(watched: WatchedPage, client: httpx.Client) -> None:
    run_id = start(client, "school/lending.db", target_schema="school", chunk_rows=3_000)
    watched.open(f"#/runs/{run_id}")
    follow(client, run_id, until_share=SHOWN_SHARE)
    watched.page.locator(".cell.running").first.wait_for()
    watched.page.locator("#speed-chart canvas").wait_for()
    take(watched.page, "dashboard-run", height=1_060)
    follow(client, run_id)


def pictures(cluster: UpCluster) -> None:
    headers = {"Authorization": f"Bearer {cluster.token}"}
    with (
        chromium() as browser,
        httpx.Client(base_url=cluster.url, headers=headers, timeout=60, trust_env=False) as client,
    ):
        _, desk = new_page(browser, cluster.url)
        desk.sign_in(cluster.token)
        picture_of_the_form(desk)
        picture_of_a_run(desk, client)
        small = start(client, "library.db", target_schema="reading")
        follow(client, small)
        _, dark = new_page(browser, cluster.url, scheme="dark")
        dark.sign_in(cluster.token)
        dark.open(f"#/runs/{small}")
        dark.page.get_by_text("values: text is not valid UTF-8").click()
        dark.page.locator(".group tbody tr").first.wait_for()
        take(dark.page, "dashboard-dark", height=1_060)
        _, phone = new_page(browser, cluster.url, width=390)
        phone.sign_in(cluster.token)
        phone.open(f"#/runs/{small}")
        phone.page.locator(".tables tbody tr").first.wait_for()
        take(phone.page, "dashboard-phone", height=844)


def main() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="convoy-pictures-", ignore_cleanup_errors=True) as folder,
        up_cluster(Path(folder)) as cluster,
    ):
        (cluster.sources / "school").mkdir()
        make_spoiled_library(cluster.sources / "library.db", SMALL_ROWS)
        make_spoiled_library(cluster.sources / "school/lending.db", LARGE_ROWS)
        pictures(cluster)


if __name__ == "__main__":
    main()
