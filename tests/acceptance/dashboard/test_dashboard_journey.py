"""A person in a real browser on a real cluster: from the token over the form to the rollback."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser_pages import SCHEMES, WIDTHS, WatchedPage, new_page
from tests.support.running_processes import UpCluster, up_cluster
from tests.support.spoiled_library import ROWS, SPOILED, make_spoiled_library

RUN_MS = 120_000
TOTAL = 400 + 3 * ROWS


@pytest.fixture(scope="module")
def cluster(browser: Browser) -> Iterator[UpCluster]:  # the browser first: without one, no cluster is started
    assert browser.is_connected()
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as folder,
        up_cluster(Path(folder)) as running,
    ):
        make_spoiled_library(running.sources / "library.db")
        yield running


@pytest.fixture
def watched(browser: Browser, cluster: UpCluster) -> Iterator[WatchedPage]:
    context, page = new_page(browser, cluster.url)
    yield page
    context.close()


def query(cluster: UpCluster, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(cluster.target_url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()


def run_of(page: Page) -> str:
    found = re.search(r"#/runs/([0-9a-f-]{36})", page.url)
    assert found
    return found[1]


def fill_form(page: Page, schema: str) -> None:
    page.get_by_role("link", name="New run").first.click()
    page.get_by_role("checkbox", name="library.db").check()
    page.get_by_label("Schema of PostgreSQL").fill(schema)


def sign_in_with_a_wrong_token_first(watched: WatchedPage, cluster: UpCluster) -> None:
    page = watched.page
    page.goto(cluster.url)
    page.get_by_label("Token").fill("not-the-token")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("does not know this token")
    # The browser itself logs each answer of 401.
    assert all("401" in complaint for complaint in watched.complaints)
    watched.complaints.clear()
    page.get_by_label("Token").fill(cluster.token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()


def read_the_dry_run_before_migrating(page: Page, cluster: UpCluster) -> None:
    # The form: what lies below the root, and no migration before a dry-run.
    fill_form(page, "reading")
    expect(page.locator(".sources")).to_contain_text("4 tables")
    expect(page.locator("#migrate")).to_be_disabled()
    page.get_by_role("button", name="Dry-run").click()
    verdict = page.locator(".verdict")
    expect(verdict).to_contain_text(f"{SPOILED} rows would go to quarantine", timeout=RUN_MS)
    expect(verdict).to_contain_text("trigger stamp did not come along")
    expect(verdict).to_contain_text("Time, estimated")
    expect(page.locator("#migrate")).to_be_disabled()
    page.get_by_label("I have read").check()
    expect(page.locator("#migrate")).to_be_enabled()
    assert query(cluster, "SELECT count(*) FROM pg_namespace WHERE nspname = 'reading'") == [(0,)]


def migrate_what_was_tried(page: Page) -> str:
    verdict = page.locator(".verdict")
    # What was tried is what is migrated: another option needs another dry-run.
    page.get_by_label("A value cannot be stored as it is").select_option("abort")
    expect(page.locator("#migrate")).to_be_disabled()
    expect(page.locator("#why-not")).to_contain_text("changed since the dry-run")
    page.get_by_label("A value cannot be stored as it is").select_option("quarantine")
    expect(page.locator("#migrate")).to_be_enabled()
    dry_run = verdict.get_by_role("link", name="All of the dry-run").get_attribute("href")
    page.locator("#migrate").click()
    return str(dry_run)


def see_what_became_of_it(page: Page, cluster: UpCluster) -> None:
    # The live page, until the end, which says of rows what is true.
    expect(page.locator(".head .badge")).to_contain_text("with findings", timeout=RUN_MS)
    expect(
        page.get_by_text(f"{TOTAL - SPOILED:,} loaded, {SPOILED} in quarantine of {TOTAL:,}")
    ).to_be_visible()
    row = page.locator("tr", has_text="subject_mastery_history")
    expect(row).to_contain_text(f"{ROWS - SPOILED:,} of {ROWS:,}")
    expect(row).to_contain_text(f"{SPOILED} in quarantine")
    assert query(cluster, "SELECT count(*) FROM reading.subject_mastery_history") == [(ROWS - SPOILED,)]


def copy_the_lines_of_the_quarantine(page: Page) -> None:
    # The quarantine: original bytes, and the lines that let the rows in.
    page.get_by_text(f"{SPOILED} values: text is not valid UTF-8").click()
    expect(page.get_by_role("cell", name="63 61 66 e9").first).to_be_visible()
    expect(page.get_by_role("cell", name="caf\ufffd").first).to_be_visible()
    group = page.locator(".group", has_text="text is not valid UTF-8")
    expect(group).to_contain_text("decode the bytes with that encoding in the source")
    expect(group).to_contain_text("Or their bytes are kept undecoded, in a column of the type bytea")
    page.get_by_role("button", name="Copy: mapping of the form").click()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied == {"tables": {"subject_mastery_history": {"columns": {"note": {"type": "bytea"}}}}}
    expect(page.locator(".findings")).to_contain_text("skipped:trigger")


def find_a_chunk_by_keyboard(page: Page) -> None:
    # The map of chunks, by keyboard alone.
    page.locator(".chunks .cell").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator(".chunk-detail")).to_contain_text("chunk 1 of 1 chunk of book")
    expect(page.locator(".chunk-detail")).to_contain_text("Attempts")
    expect(page.locator(".chunk-detail")).to_contain_text("worker")
    page.get_by_role("button", name="subject_mastery_history").click()
    expect(page.locator("#chunks-head")).to_contain_text("Chunks of subject_mastery_history")


def save_the_report(page: Page) -> None:
    # The report, as a page and as a file.
    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.locator(".verdict h2")).to_contain_text("quarantine")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as report.html").click()
    assert "<html" in Path(saved.value.path()).read_text(encoding="utf-8")


def compare_with_the_dry_run(watched: WatchedPage, dry_run: str) -> None:
    # Beside its dry-run.
    page = watched.page
    watched.open(f"#/compare?a={dry_run.split('/')[2]}&b={run_of(watched.page)}")
    expect(page.get_by_role("row", name="Rows in quarantine")).to_contain_text("same")
    expect(page.get_by_role("row", name="Rows loaded")).to_contain_text(f"+{TOTAL - SPOILED:,}")


def roll_back_with_force(watched: WatchedPage, cluster: UpCluster, run_id: str) -> None:
    page = watched.page
    # The rollback: said first, refused where somebody has written since, done when it is asked for again.
    query(cluster, "INSERT INTO reading.author (id, name) VALUES (9001, 'new') RETURNING id")
    watched.open(f"#/runs/{run_id}")
    page.get_by_role("button", name="Roll back").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("puts back what stood there before, in one transaction")
    dialog.get_by_role("button", name="Roll back").click()
    expect(dialog).to_contain_text("Somebody has written to these tables since the cutover", timeout=RUN_MS)
    expect(dialog.get_by_role("row", name="reading.author")).to_contain_text("401")
    assert all("409" in complaint for complaint in watched.complaints)
    watched.complaints.clear()
    assert query(cluster, "SELECT count(*) FROM reading.author") == [(401,)]
    dialog.get_by_role("button", name="Roll back, and keep the tables aside").click()
    expect(page.locator(".head .badge")).to_contain_text("rolled back", timeout=RUN_MS)
    expect(page.locator(".done-note")).to_contain_text("kept in")
    expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert query(
        cluster, "SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('reading')"
    ) == [(0,)]


def test_from_sign_in_over_dry_run_and_migration_to_rollback(
    watched: WatchedPage, cluster: UpCluster
) -> None:
    page = watched.page
    sign_in_with_a_wrong_token_first(watched, cluster)
    read_the_dry_run_before_migrating(page, cluster)
    dry_run = migrate_what_was_tried(page)
    see_what_became_of_it(page, cluster)
    run_id = run_of(page)
    copy_the_lines_of_the_quarantine(page)
    find_a_chunk_by_keyboard(page)
    save_the_report(page)
    compare_with_the_dry_run(watched, dry_run)
    roll_back_with_force(watched, cluster, run_id)
    watched.check_quiet()


def test_a_held_run_is_cut_over_and_one_that_waits_is_cancelled(
    watched: WatchedPage, cluster: UpCluster
) -> None:
    page = watched.page
    watched.sign_in(cluster.token)
    fill_form(page, "held")
    page.get_by_text("More options").click()
    page.get_by_label("Stop before the cutover").check()
    page.get_by_role("button", name="Dry-run").click()
    page.get_by_label("I have read").check(timeout=RUN_MS)
    page.locator("#migrate").click()
    expect(page.locator(".head .badge")).to_contain_text("proved, held", timeout=RUN_MS)
    expect(page.locator(".phases .held")).to_contain_text("cutting over")

    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_role("dialog")).to_contain_text("it can never be resumed")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.id") == "act-cancel"
    page.get_by_role("button", name="Cut over").click()
    expect(page.get_by_role("dialog")).to_contain_text(f"{SPOILED} rows in quarantine will be missing there")
    page.get_by_role("dialog").get_by_role("button", name="Cut over").click()
    expect(page.locator(".head .badge")).to_contain_text("with findings", timeout=RUN_MS)
    assert query(cluster, "SELECT count(*) FROM held.author") == [(400,)]

    # The same once more is refused by the dry-run, and cannot be migrated.
    fill_form(page, "held")
    page.get_by_role("button", name="Dry-run").click()
    expect(page.get_by_role("heading", name="This would be refused")).to_be_visible(timeout=RUN_MS)
    expect(page.locator(".verdict")).to_contain_text("held")
    expect(page.locator("#migrate")).to_be_disabled()
    watched.check_quiet()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_is_accessible_in_both_schemes_and_widths(
    browser: Browser, cluster: UpCluster, scheme: str, width: int
) -> None:
    context, watched = new_page(browser, cluster.url, width=width, scheme=scheme)
    page = watched.page
    watched.open("#/runs")
    watched.check_accessible("sign-in")
    watched.sign_in(cluster.token)
    page.locator("tbody tr").first.wait_for()
    watched.check_accessible("the runs")
    runs = page.locator("tbody tr")
    href = runs.filter(has_text="migration into held").first.get_by_role("link").get_attribute("href")

    watched.open("#/start")
    page.get_by_text("More options").click()
    page.get_by_role("checkbox", name="library.db").check()
    watched.check_accessible("the form")
    page.get_by_role("button", name="Dry-run").click()
    page.locator(".verdict.warn").wait_for(timeout=RUN_MS)
    page.locator(".verdict details summary").click()
    watched.check_accessible("the verdict of a dry-run")

    watched.open(str(href))
    page.get_by_text("values: text is not valid UTF-8").click()
    page.locator(".chunks .cell").first.click()
    page.locator(".chunk-detail dl").wait_for()
    page.locator(".group tbody tr").first.wait_for()
    watched.check_accessible("a run")
    page.get_by_role("button", name="Roll back").click()
    watched.check_accessible("the dialog")
    page.keyboard.press("Escape")

    watched.open(f"{href}/report")
    page.locator("td details summary").first.click()
    watched.check_accessible("the report")
    watched.open(f"#/compare?a={str(href).rpartition('/')[2]}&b={str(href).rpartition('/')[2]}")
    page.get_by_role("heading", name="Tables that differ").wait_for()
    watched.check_accessible("the comparison")
    watched.open("/docs")
    page.locator("#endpoints details").first.click()
    watched.check_accessible("the endpoints")
    watched.check_quiet()
    context.close()
