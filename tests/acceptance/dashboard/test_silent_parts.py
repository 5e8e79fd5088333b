"""Each request of each page, broken in turn: the part that has no answer says so, and never that there is nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, Route, expect

from migration.model import Mode, Phase
from tests.support.api import TOKEN
from tests.support.browser_pages import WatchedPage
from tests.support.direct import Direct, quiet_steps
from tests.support.runs_of_every_ending import make_sources

SENTENCE: Final = "The server is busy with something else."
BUSY: Final = {
    "status": 503,
    "content_type": "application/problem+json",
    "headers": {"Retry-After": "1"},
    "body": f'{{"title": "Busy", "status": 503, "detail": "{SENTENCE}"}}',
}
TROUBLE: Final = ".trouble, .section-trouble, #endpoints [role=alert], #top .warn-text"
EMPTY: Final = re.compile(
    r"Nothing (?:has happened|(?:was|is) (?:copied|tried))|No run (?:yet|fits)|No database|\bNone\b|There are none"
    r"|No chunk|\b0 (?:entries|chunks)|Choose two finished"
)


@pytest.fixture(scope="module")
def places(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The pages, by name; those of runs show rows in quarantine and findings."""
    folder = tmp_path_factory.mktemp("silent")
    direct = Direct(database_url, folder)
    sound, spoiled = make_sources(folder)
    with quiet_steps():
        ended = direct.migrate(spoiled, target_schema="ended")
        copied = direct.start(spoiled, until=Phase.INDEXING, target_schema="copied")
        compared = direct.migrate(sound, mode=Mode.VALIDATE, target_schema="ended")
    assert (ended.phase, compared.phase) == (Phase.COMPLETED_WITH_FINDINGS,) * 2
    yield {
        "ended run": f"#/runs/{ended.id}",
        "running run": f"#/runs/{copied.id}",
        "comparison": f"#/runs/{compared.id}",
        "report": f"#/runs/{ended.id}/report",
        "two runs": f"#/compare?a={ended.id}&b={compared.id}",
        "list": "#/runs",
        "form": "#/start",
        "endpoints": "/docs",
    }
    direct.close()


def _is_asked(url: str) -> bool:
    path = urlsplit(url).path
    return path.startswith("/api/") or path == "/openapi.json"


def requests_of(page: Page, watched: WatchedPage, place: str) -> list[str]:
    """Return the paths that a page asks for of its own accord."""
    asked: dict[str, None] = {}

    def listener(request: Request) -> None:
        if _is_asked(request.url):
            asked[urlsplit(request.url).path] = None

    page.on("request", listener)
    watched.open(place)
    page.wait_for_load_state("networkidle") if place == "/docs" else page.wait_for_timeout(2_800)
    page.remove_listener("request", listener)
    return list(asked)


def emptiness(page: Page) -> list[str]:
    return EMPTY.findall(page.locator("#content").inner_text())


@pytest.mark.parametrize(
    "name", ["ended run", "running run", "comparison", "report", "two runs", "list", "form", "endpoints"]
)
def test_a_request_that_fails_is_said_and_asked_again(
    watched: WatchedPage, places: dict[str, str], name: str
) -> None:
    page, place = watched.page, places[name]
    watched.sign_in(TOKEN)
    wrong = []
    paths = requests_of(page, watched, place)
    assert paths
    page.locator("h1").first.wait_for()
    before = emptiness(page)  # what the server has told
    for path in paths:
        broken = re.compile(re.escape(path) + r"(\?|$)")
        page.route(broken, lambda route: route.fulfill(**BUSY))
        page.goto("about:blank")
        watched.open(place)
        told = page.locator(TROUBLE).first
        expect(told).to_be_visible()
        said = f"{page.locator(TROUBLE).first.inner_text()} {told.get_attribute('title') or ''}"
        wrong += [] if SENTENCE in said else [f"{path}: {said}"]
        wrong += [f"{path}: {found}" for found in emptiness(page) if found not in before]
        page.unroute(broken)
        expect(page.locator(TROUBLE)).to_have_count(0)
    assert wrong == []


def test_all_that_fails_but_the_status_is_said_in_its_own_part(
    watched: WatchedPage, places: dict[str, str]
) -> None:
    """A server that cannot be reached for them, rather than one that answers."""
    page = watched.page
    watched.sign_in(TOKEN)
    broken = re.compile(r"/(events|chunk-map|throughput|quarantine-groups|cluster)(\?|$)")
    page.route(broken, lambda route: route.abort())
    watched.open(places["running run"])
    for head in ("events", "chunks", "speed", "quarantine", "workers"):
        part = page.locator(f"section:has(#{head}-head)")
        expect(part).to_contain_text("The server cannot be reached. It is asked for again by itself.")
    assert emptiness(page) == []
    expect(page.locator("#announcer")).to_contain_text("The server does not tell now:")
    page.unroute_all()
    expect(page.locator(TROUBLE)).to_have_count(0)
    expect(page.locator(".events li").first).to_be_visible()
    expect(page.locator(".chunks .cell").first).to_be_visible()
    expect(page.locator("section:has(#speed-head)")).to_contain_text("rows loaded in")
    expect(page.locator("#announcer")).to_contain_text("The server tells")


def test_values_chunks_and_further_pages_that_fail_say_so_where_they_were_asked_for(
    watched: WatchedPage, places: dict[str, str]
) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(places["ended run"])
    broken = re.compile(r"/(quarantine|chunks)\?")
    page.route(broken, lambda route: route.fulfill(**BUSY))
    page.locator(".group summary").click()
    expect(page.locator(".group")).to_contain_text(SENTENCE)
    page.locator(".chunks .cell").first.click()
    expect(page.locator(".chunk-detail")).to_contain_text(SENTENCE)
    page.unroute(broken)
    expect(page.locator(".group tbody tr").first).to_be_visible()
    expect(page.locator(".chunk-detail")).to_contain_text("Attempts")
    expect(page.locator(TROUBLE)).to_have_count(0)


def test_a_part_that_falls_silent_later_keeps_what_it_has_and_says_from_when(
    watched: WatchedPage, places: dict[str, str]
) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(places["running run"])
    expect(page.locator(".chunks .cell")).to_have_count(2)
    page.route("**/chunk-map*", lambda route: route.fulfill(**BUSY))
    part = page.locator("section:has(#chunks-head)")
    expect(part).to_contain_text(re.compile(r"What stands here is from \d\d:\d\d:\d\d"))
    expect(page.locator(".chunks .cell")).to_have_count(2)


def test_a_verdict_that_is_not_told_is_no_refusal(watched: WatchedPage, places: dict[str, str]) -> None:
    """The dry-run has ended, and its report cannot be had: the form waits for it."""
    page = watched.page
    run_id = places["ended run"].rpartition("/")[2]
    watched.sign_in(TOKEN)
    answer: dict[str, Any] = {"run_id": run_id, "status": "pending", "links": {}}
    page.route("**/dry-run", lambda route: route.fulfill(status=202, json=answer))
    page.route("**/summary", lambda route: route.fulfill(**BUSY))
    page.route("**/api/v1/sources*", _one_source)
    watched.open("#/start")
    page.get_by_role("checkbox", name="a.db").check()
    page.get_by_role("button", name="Dry-run").click()
    expect(page.get_by_role("alert")).to_contain_text("its verdict is asked for again")
    expect(page.get_by_text("This would be refused")).to_have_count(0)
    page.unroute("**/summary")
    expect(page.locator(".verdict h3")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def _one_source(route: Route) -> None:
    source = {
        "path": "a.db", "bytes": 1, "modified_at": "2026-01-01T00:00:00Z", "format": "sqlite", "has_wal": False,
        "table_count": 1, "tables": ["t"],
    }  # fmt: skip
    route.fulfill(json={"sources": [source], "note": None})


def test_no_page_passes_over_an_error() -> None:
    folder = Path(__file__).resolve().parents[3] / "api/dashboard"
    empty = [
        path.name
        for path in sorted(folder.glob("*.js"))
        if re.search(r"catch\s*(\(\w+\))?\s*\{\s*(//[^\n]*\s*)*\}", path.read_text(encoding="utf-8"))
    ]
    assert empty == []
