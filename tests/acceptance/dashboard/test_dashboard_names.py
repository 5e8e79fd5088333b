"""Names that hide, turn round or smuggle are shown as what they are on every page, and move nothing beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, text

from migration.errors import TargetUnreachableError, UnknownTableError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run, find_run
from migration.ledger.run_requests import fail_run
from migration.model import Mode, Source
from migration.run_options import RunOptions
from tests.support.api import TOKEN
from tests.support.browser_pages import WatchedPage, new_page
from tests.support.running_processes import ApiProcess, free_port

TURNED = "\u202egnp.exe"
HEBREW = "אבג"
NAMES = (TURNED, "bell\x07and\x1b[31mred", "zero\u200bwidth\ufeff", HEBREW, "line\u2028break", "plain_name")
SHOWN = ("\\u202egnp.exe", "bell\\x07and\\x1b[31mred", "zero\\u200bwidth\\ufeff", HEBREW, "line\\u2028break")

# Every text and every attribute that is read out. FIRST STRONG ISOLATE and its end are what keeps a name to itself.
ALL_TEXT = """() => {
  const found = [document.title];
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) found.push(walker.currentNode.data);
  for (const element of document.querySelectorAll("*"))
    for (const name of ["title", "aria-label", "placeholder", "alt"])
      if (element.hasAttribute(name)) found.push(element.getAttribute(name));
  return found.join("\\n");
}"""
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2064\u2066\u2067\ufeff]"
)

LAY_OUT = """
WITH source AS (
    INSERT INTO convoy.sources (run_id, label, location, snapshot, sha256, bytes, schema)
    VALUES (:run_id, :label, '/s', '/s', 's', 1, '{}') RETURNING id
), made AS (
    INSERT INTO convoy.tables (run_id, source_id, name, rows)
    SELECT :run_id, source.id, name, 10 FROM source, unnest(CAST(:names AS text[])) name RETURNING id
), cut AS (
    INSERT INTO convoy.chunks (run_id, table_id, position, key_range, rows, bytes)
    SELECT :run_id, id, 0, '{"columns": ["id"]}', 10, 100 FROM made RETURNING id, table_id
)
INSERT INTO convoy.steps (run_id, phase, table_id, chunk_id, sent_at)
SELECT :run_id, 'copying', table_id, id, now() FROM cut
"""


@pytest.fixture(scope="module")
def api(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory, postgres_url: str, valkey_url: str
) -> Iterator[ApiProcess]:
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("names")
    for name in NAMES:
        (folder / f"{name}.db").write_bytes(b"SQLite format 3\0" + b"\0" * 84)
    environment = {
        "MIGRATION_TARGET_URL": postgres_url,
        "MIGRATION_BROKER_URL": valkey_url,
        "MIGRATION_API_TOKEN": TOKEN,
        "MIGRATION_SOURCE_ROOT": str(folder),
    }
    process = ApiProcess(folder, environment, free_port())
    process.start()
    yield process
    process.kill()


@pytest.fixture(scope="module")
def engine(postgres_url: str) -> Iterator[Engine]:
    opened = open_ledger(postgres_url)
    yield opened
    opened.dispose()


@pytest.fixture
def watched(browser: Browser, api: ApiProcess) -> Iterator[WatchedPage]:
    context, page = new_page(browser, api.url)
    page.sign_in(TOKEN)
    yield page
    context.close()


def execute(engine: Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def new_run(engine: Engine, label: str) -> str:
    options = RunOptions(mode=Mode.MIGRATE, sources=(Source(label, "/s"),), target_schema=label)
    run_id = create_run(engine, options)
    execute(engine, LAY_OUT, run_id=run_id, label=label, names=[name.replace("\0", "") for name in NAMES])
    error = f"The table {TURNED} of {HEBREW} 42 is not there"
    execute(
        engine,
        "UPDATE convoy.runs SET phase = 'failed', resume_phase = 'copying', error = :error,"
        " started_at = now(), finished_at = now() WHERE id = :id",
        id=run_id,
        error=error,
    )
    return run_id


def test_run_that_would_fail_again_is_not_offered_to_resume(watched: WatchedPage, engine: Engine) -> None:
    page = watched.page
    errors = {
        "away": TargetUnreachableError("The target is away"),
        "other": UnknownTableError("There is no such table"),
    }
    runs = {label: create_run(engine, RunOptions(sources=(Source(label, "/s"),))) for label in errors}
    for label, error in errors.items():
        fail_run(engine, find_run(engine, runs[label]), error)

    watched.open(f"#/runs/{runs['away']}")
    expect(page.locator("#act-resume")).to_be_visible()
    expect(page.locator(".failure")).not_to_contain_text("would fail again")

    watched.open(f"#/runs/{runs['other']}")
    expect(page.locator(".failure")).to_contain_text("It would fail again. Cancel it, and start a new run")
    expect(page.locator("#act-cancel")).to_be_visible()
    expect(page.locator("#act-resume")).to_have_count(0)


def check(page: Page) -> str:
    everything: str = page.evaluate(ALL_TEXT)
    assert UNSEEN.findall(everything) == []
    return everything


def test_names_are_shown_as_what_they_are(watched: WatchedPage, engine: Engine) -> None:
    page = watched.page
    run_id = new_run(engine, TURNED)
    hebrew_id = new_run(engine, HEBREW)
    watched.open("#/start")
    page.get_by_role("heading", name="New run").wait_for()
    page.locator(".sources li").nth(len(NAMES) - 1).wait_for()
    said = check(page)
    for name in SHOWN:
        assert name in said.replace("\n", "") or name in said
    expect(page.locator(".sources bdi")).to_contain_text(HEBREW)

    watched.open("#/runs")
    page.get_by_role("link", name="\\u202egnp.exe").first.wait_for()
    check(page)

    watched.open(f"#/runs/{run_id}")
    page.get_by_role("heading", name="\\u202egnp.exe").wait_for()
    page.locator("table.tables tbody tr").nth(len(NAMES) - 1).wait_for()
    page.locator(".chunks .cell").first.wait_for()
    check(page)
    expect(page.locator("table.tables bdi")).to_have_text(HEBREW)
    expect(page.locator(".failure bdi")).to_have_text(HEBREW)  # the figure behind it stays behind it
    page.locator("table.tables button", has_text="\\u202egnp").click()
    page.locator(".chunks .cell").first.click()
    page.locator(".chunk-detail dl").wait_for()
    check(page)

    watched.open(f"#/runs/{hebrew_id}")
    page.get_by_role("heading", name=HEBREW).wait_for()
    page.wait_for_function("document.title.includes('\u2068')")
    check(page)
    watched.open(f"#/compare?a={run_id}&b={hebrew_id}")
    page.get_by_role("combobox").first.wait_for()
    check(page)
    watched.check_quiet()


def test_a_name_that_is_sent_back_to_the_server_is_still_the_name(watched: WatchedPage) -> None:
    page = watched.page
    sent: list[Any] = []
    page.route("**/dry-run", lambda route: (sent.append(route.request.post_data_json), route.abort()))
    watched.open("#/start")
    page.get_by_label("\\u202egnp.exe").check()
    page.get_by_role("button", name="Dry-run").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert sent[0]["sources"] == [f"{TURNED}.db"]


def test_only_one_file_of_the_pages_has_the_way_of_a_text_into_a_page() -> None:
    folder = Path(__file__).resolve().parents[3] / "api/dashboard"
    takers = [
        path.name
        for path in folder.glob("*.js")
        if re.search(
            r"import \{[^}]*\b(html|svg)\b[^}]*\} from \"\./vendored/lit-html",
            path.read_text(encoding="utf-8"),
        )
    ]
    assert takers == ["shown_text.js"]
