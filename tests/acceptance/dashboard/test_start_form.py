"""The start form: every option of a run can be chosen there, and what is chosen is what the server is sent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from api.request_models import Options, RunRequest
from migration.model import Mode, Source
from tests.support.api import NOBODY_LISTENS, TOKEN
from tests.support.browser_pages import SCHEMES, WIDTHS, WatchedPage, new_page
from tests.support.running_processes import ApiProcess, free_port

CHOSEN: dict[str, Any] = {
    "target_schema": "school",
    "tables": ["pupil", "mark"],
    "exclude": ["log"],
    "catalog": "educational",
    "if_exists": "merge",
    "on_conflict": "source",
    "drop_dependents": ["view", "policy"],
    "data_only": True,
    "fire_triggers": True,
    "ignore_version": True,
    "identifiers": "snake",
    "source_timezone": "Europe/Vienna",
    "batch_size": 500,
    "chunk_rows": 70_000,
    "priority": -3,
    "max_workers": 4,
    "skip_validation": True,
    "accept": ["skipped:trigger"],
    "accepted_by": "Ada",
    "hold": True,
    "cutover_window": "22:00-05:00 Europe/Vienna",
    "cutover_lock_timeout": 1.5,
    "cutover_patience": 90,
    "mapping": {"tables": {"pupil": {"rename": "student"}}},
    "app": "django",
    "on_error": "abort",
    "on_orphan": "set-null",
    "salvage": True,
    "ignore": ["missing_index"],
    "schema_per_source": True,
}


@pytest.fixture(scope="module")
def api(browser: Browser, tmp_path_factory: pytest.TempPathFactory, valkey_url: str) -> Iterator[ApiProcess]:
    assert browser.is_connected()
    folder = tmp_path_factory.mktemp("form")
    (folder / "school.db").write_bytes(b"SQLite format 3\0" + b"\0" * 84)
    environment = {
        "MIGRATION_TARGET_URL": NOBODY_LISTENS,
        "MIGRATION_BROKER_URL": valkey_url,
        "MIGRATION_API_TOKEN": TOKEN,
        "MIGRATION_SOURCE_ROOT": str(folder),
    }
    process = ApiProcess(folder, environment, free_port())
    process.start()
    yield process
    process.kill()


@pytest.fixture
def watched(browser: Browser, api: ApiProcess) -> Iterator[WatchedPage]:
    context, page = new_page(browser, api.url)
    page.sign_in(TOKEN)
    yield page
    context.close()


def open_form(watched: WatchedPage, path: str) -> list[dict[str, Any]]:
    """Open all of the form with its database chosen; what is posted to `path` is kept, and refused."""
    page, sent = watched.page, []
    refusal = {"status": 422, "content_type": "application/problem+json", "body": '{"detail": "Not today."}'}

    def take(route: Any) -> None:
        sent.append(route.request.post_data_json)
        route.fulfill(**refusal)

    page.route(f"**/{path}", take)
    watched.open("#/start")
    page.get_by_label("school.db").check()
    for head in ("More options", "When and how fast"):
        page.get_by_text(head).click()
    return sent


def test_every_option_of_a_run_is_in_the_form(watched: WatchedPage) -> None:
    assert CHOSEN.keys() == Options.model_fields.keys()
    sent, page = open_form(watched, "dry-run"), watched.page
    for name, value in CHOSEN.items():
        field = page.locator(f"#start-form [name={name}]")
        if value is True:
            field.check()
        elif field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(value)
        elif name == "mapping":
            field.fill('{"tables": {"pupil": {"rename": "student"}}}')
        else:
            field.fill(", ".join(value) if isinstance(value, list) else str(value))
    page.get_by_role("button", name="Dry-run").click()
    expect(page.get_by_role("alert")).to_have_text("Not today.")
    assert sent == [{"sources": ["school.db"], "options": CHOSEN}]
    RunRequest.model_validate(sent[0])  # that two of them exclude each other is the server's word


def test_a_form_that_nobody_has_changed_says_nothing_but_the_source(watched: WatchedPage) -> None:
    sent, page = open_form(watched, "dry-run"), watched.page
    page.get_by_role("button", name="Dry-run").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert sent == [{"sources": ["school.db"], "options": {}}]
    request = RunRequest.model_validate(sent[0])
    options = request.run_options(Mode.MIGRATE, (Source("school", "school.db"),), "")
    assert options.app == ""


def test_a_comparison_is_asked_for_without_a_dry_run(watched: WatchedPage) -> None:
    sent, page = open_form(watched, "validate"), watched.page
    page.get_by_label("Compare with the tables that stand there").check()
    expect(page.locator("#migrate")).to_have_count(0)
    page.locator("[name=data_only]").check()
    page.locator("#compare").click()
    expect(page.get_by_role("alert")).to_have_text("Not today.")
    assert sent == [{"sources": ["school.db"], "options": {"data_only": True}}]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_whole_form_is_accessible(browser: Browser, api: ApiProcess, width: int, scheme: str) -> None:
    context, watched = new_page(browser, api.url, width=width, scheme=scheme)
    watched.sign_in(TOKEN)
    open_form(watched, "dry-run")
    watched.check_accessible(f"start form, {width} px, {scheme}")
    context.close()


# What is shown of a field that is too narrow for its words; an arrow stands at the end of a list.
CUT_OFF = """() => {
  const pen = document.createElement("canvas").getContext("2d"), found = [];
  for (const field of document.querySelectorAll("#start-form select, #start-form input[placeholder]")) {
    const look = getComputedStyle(field);
    pen.font = `${look.fontSize} ${look.fontFamily}`;
    const room = field.clientWidth - 2 * parseFloat(look.paddingLeft) - (field.options ? 18 : 0);
    for (const words of field.options ? [...field.options].map(one => one.text) : [field.placeholder])
      if (pen.measureText(words).width > room) found.push(`${field.name}: ${words}`);
  }
  return found;
}"""


@pytest.mark.parametrize("width", [*WIDTHS, 1024])
def test_no_words_of_a_field_are_cut_off(browser: Browser, api: ApiProcess, width: int) -> None:
    context, watched = new_page(browser, api.url, width=width)
    watched.sign_in(TOKEN)
    open_form(watched, "dry-run")
    assert watched.page.evaluate(CUT_OFF) == []
    context.close()


def test_the_profiles_that_are_offered_are_those_that_there_are(watched: WatchedPage) -> None:
    open_form(watched, "dry-run")
    offered = watched.page.locator("#profiles option").evaluate_all("all => all.map(one => one.value)")
    folder = Path(__file__).resolve().parents[3] / "migration/applications/profiles"
    assert sorted(offered) == sorted(path.stem for path in folder.glob("*.toml"))
