"""What the dashboard says when something is not as it should be: real servers, killed for real."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine

from migration.ledger.run_records import create_run
from migration.model import Mode, Source
from migration.run_options import RunOptions
from tests.support.api import NOBODY_LISTENS, TOKEN
from tests.support.browser_pages import WatchedPage
from tests.support.laid_out_runs import LONG_NAME, change, lay_out
from tests.support.running_processes import ApiProcess

TABLES = 10_000

RUNNING = """
WITH chosen AS (
    SELECT c.id FROM convoy.chunks c JOIN convoy.tables t ON t.id = c.table_id
    WHERE c.run_id = :run_id AND t.name = :name
), step AS (
    UPDATE convoy.steps SET state = 'running', worker = 'w1', claimed_at = now(), attempts = 1
    WHERE chunk_id IN (SELECT id FROM chosen)
)
UPDATE convoy.chunks SET state = 'running', worker = 'w1' WHERE id IN (SELECT id FROM chosen)
"""


def trouble(page: Page) -> Any:
    return page.locator(".trouble")


def record_announcements(page: Page) -> None:
    """Keeps each sentence that a screen reader is told, in turn: the element itself has only the last."""
    page.evaluate(
        """() => {
            window.announcements = [];
            const announcer = document.getElementById("announcer");
            new MutationObserver(() => window.announcements.push(announcer.textContent))
                .observe(announcer, {childList: true, characterData: true, subtree: true});
        }"""
    )


def announcements(page: Page) -> list[str]:
    said: list[str] = page.evaluate("window.announcements")
    return said


def test_a_first_request_that_fails_is_a_line_with_a_way_to_try_again(
    watched: WatchedPage, api: ApiProcess
) -> None:
    api.kill()
    api.start(MIGRATION_TARGET_URL=NOBODY_LISTENS)
    page = watched.page
    watched.sign_in(TOKEN)
    expect(trouble(page)).to_be_visible()
    expect(trouble(page)).to_contain_text(re.compile(r"PostgreSQL|server|reach"))
    expect(page.locator("#announcer")).not_to_be_empty()

    # Pressed while the server is still away: once it is back the line may go by itself before anybody presses.
    with page.expect_request(re.compile("/api/v1/")):
        trouble(page).get_by_role("button", name="Try again now").click()
    expect(trouble(page)).to_be_visible()

    api.kill()
    api.start()
    expect(trouble(page)).to_have_count(0)
    expect(page.get_by_role("link", name="New run").last).to_be_visible()


def test_an_api_that_goes_away_is_said_with_the_time_and_one_that_comes_back_is_followed_again(
    watched: WatchedPage, api: ApiProcess, engine: Engine
) -> None:
    run_id = lay_out(engine, 3)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(page.get_by_text("0 loaded of 30")).to_be_visible()

    record_announcements(page)
    api.kill()

    expect(trouble(page)).to_contain_text(
        re.compile(r"No answer since \d\d:\d\d:\d\d; the numbers are from then")
    )
    expect(page.get_by_text("0 loaded of 30")).to_be_visible()
    change(
        engine,
        "UPDATE convoy.chunks SET state = 'done', rows_loaded = 10, finished_at = now() WHERE run_id = :run_id",
        run_id=run_id,
    )
    api.start()
    expect(trouble(page)).to_have_count(0)
    expect(page.get_by_text("all 30 loaded")).to_be_visible()
    # Who listens is told that it is back, and of no part that it were silent before that was asked again.
    said = announcements(page)
    back = [i for i, words in enumerate(said) if "The server answers again since" in words]
    assert back, said
    assert any("No answer since" in words for words in said[: back[0]]), said
    assert not any("No answer" in words for words in said[back[-1] :]), said
    assert not any("does not tell" in said[i] for i in back), said


def test_a_run_of_which_nothing_was_read_yet_has_its_name_and_no_figures(
    watched: WatchedPage, engine: Engine
) -> None:
    """Zero of zero is all: before the plan, nobody knows how much there is."""
    sources = (Source("school", "/s"), Source("library", "/l"))
    run_id = create_run(engine, RunOptions(mode=Mode.MIGRATE, sources=sources))
    change(engine, "UPDATE convoy.runs SET phase = 'snapshotting' WHERE id = :run_id", run_id=run_id)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("school, library")
    expect(page.get_by_label("Progress")).to_contain_text("not counted yet")
    expect(page.get_by_label("Progress")).not_to_contain_text("all 0")
    change(engine, "UPDATE convoy.runs SET phase = 'cancelled' WHERE id = :run_id", run_id=run_id)


def test_a_run_that_the_server_cannot_be_asked_for_is_not_called_unknown(
    watched: WatchedPage, api: ApiProcess, engine: Engine
) -> None:
    run_id = lay_out(engine, 1)
    page = watched.page
    watched.sign_in(TOKEN)
    expect(page.get_by_role("link", name="New run").last).to_be_visible()
    api.kill()
    api.start(MIGRATION_TARGET_URL=NOBODY_LISTENS)
    watched.open(f"#/runs/{run_id}")
    expect(trouble(page)).to_be_visible()
    expect(page.get_by_text("The server has not told of this run yet")).to_be_visible()
    expect(page.get_by_text("Nothing is known")).to_have_count(0)


def test_an_unknown_run_says_so(watched: WatchedPage) -> None:
    watched.sign_in(TOKEN)
    for place in ("018f0000-0000-7000-8000-000000000000", "no-such-id"):
        watched.open(f"#/runs/{place}")
        expect(watched.page.get_by_role("heading", name="No such run")).to_be_visible()
        expect(watched.page.locator("#content")).to_contain_text(place)
    watched.open("#/runs/018f0000-0000-7000-8000-000000000000/report")
    expect(watched.page.get_by_role("heading", name="No report")).to_be_visible()
    watched.open("#/nothing")
    expect(watched.page.get_by_role("heading", name="Nothing here")).to_be_visible()


def test_a_token_that_is_withdrawn_leads_to_the_sign_in_and_back(
    watched: WatchedPage, api: ApiProcess, engine: Engine
) -> None:
    run_id = lay_out(engine, 2)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(page.get_by_text("0 loaded of 20")).to_be_visible()

    api.kill()
    api.start(MIGRATION_API_TOKEN="another")

    expect(page.get_by_role("alert")).to_contain_text("does not take this token any more")
    page.get_by_label("Token").fill("another")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("0 loaded of 20")).to_be_visible()


def test_what_a_run_waits_for_is_shown_and_said_once(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 2)
    change(
        engine,
        "UPDATE convoy.runs SET created_at = now() - interval '1 hour' WHERE id = :run_id",
        run_id=run_id,
    )
    change(
        engine,
        "UPDATE convoy.events SET at = now() - interval '1 hour' WHERE run_id = :run_id",
        run_id=run_id,
    )
    page = watched.page
    watched.sign_in(TOKEN)
    page.evaluate(
        """() => {
            window.said = 0;
            new MutationObserver(() => window.said++).observe(document.getElementById("announcer"), {childList: true});
        }"""
    )
    watched.open(f"#/runs/{run_id}")
    expect(page.locator(".alerts")).to_contain_text("No producer")
    expect(page.locator("#announcer")).to_contain_text("No producer")
    said = page.evaluate("window.said")
    for number in range(3):  # figures change, and are not read out
        change(engine, "UPDATE convoy.chunks SET bytes = bytes + 1000 WHERE run_id = :run_id", run_id=run_id)
        expect(page.get_by_text(f"of {2 * (100 + 1000 * (number + 1)) / 1000:.1f} kB").first).to_be_visible()
    assert page.evaluate("window.said") == said


def test_the_focus_stays_where_it_is_while_figures_change(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 4)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    link = page.get_by_role("button", name="table_4")
    link.focus()

    # Its row moves to the top, because it is at work now.
    change(engine, RUNNING, run_id=run_id, name="table_4")

    expect(page.locator(".tables tbody tr").first).to_contain_text("running")
    expect(link).to_be_focused()


def test_ten_thousand_tables_are_no_more_to_draw_than_fifty(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, TABLES)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(page.get_by_text(f"1 to 50 of {TABLES:,}")).to_be_visible()
    expect(page.locator(".chunks .cell")).to_have_count(600)
    assert page.locator("*").count() < 3_000
    page.evaluate(
        """() => {
            window.changes = 0;
            const all = {subtree: true, childList: true, attributes: true, characterData: true};
            const watcher = new MutationObserver(seen => { window.changes += seen.length; });
            watcher.observe(document.querySelector("main"), all);
        }"""
    )

    change(engine, RUNNING, run_id=run_id, name="table_7777")

    expect(page.locator(".tables tbody tr").first).to_contain_text("table_7777")
    assert page.evaluate("window.changes") < 200
    page.get_by_role("searchbox").fill("table_4321")
    expect(page.locator(".tables tbody tr")).to_have_count(1)
    page.get_by_role("button", name="table_4321").click()
    expect(page.locator("#chunks-head")).to_contain_text("table_4321")
    expect(page.locator(".chunks .cell")).to_have_count(1)


def test_a_cell_of_many_chunks_opens_to_each_of_them(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 1_800)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    page.locator(".chunks .cell").nth(599).click()
    expect(page.locator(".chunk-detail tbody tr")).to_have_count(3)
    page.get_by_role("button", name="A cell for each").click()
    expect(page.locator(".chunks .cell")).to_have_count(3)
    page.get_by_role("button", name="All chunks").click()
    expect(page.locator(".chunks .cell")).to_have_count(600)


def test_on_a_phone_names_are_broken_only_where_they_may(phone: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 3)
    page = phone.page
    phone.sign_in(TOKEN)
    phone.open(f"#/runs/{run_id}")
    name = page.get_by_role("button", name=LONG_NAME)
    expect(name).to_be_visible()
    lines = name.evaluate(
        """node => {
            const walker = document.createTreeWalker(node, NodeFilter.SHOW_TEXT), found = [];
            while (walker.nextNode()) {
                const range = document.createRange();
                range.selectNodeContents(walker.currentNode);
                if (walker.currentNode.data.trim()) found.push(range.getClientRects().length);
            }
            return found;
        }"""
    )
    assert len(lines) > 5
    assert set(lines) == {1}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_of_an_address_from_before_shows_its_run(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 1)
    watched.sign_in(TOKEN)
    watched.open(f"#{run_id}")
    expect(watched.page.get_by_text(run_id)).to_be_visible()
    watched.check_quiet()


def test_the_scheme_that_somebody_chooses_stays(watched: WatchedPage) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    page.get_by_label("Colours").select_option("dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    page.reload()
    expect(page.get_by_label("Colours")).to_have_value("dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    page.get_by_label("Colours").select_option("")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"


def test_a_name_that_is_a_script_is_a_name(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 1)
    evil = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'
    change(engine, "UPDATE convoy.tables SET name = :name WHERE run_id = :run_id", name=evil, run_id=run_id)
    change(engine, "UPDATE convoy.sources SET label = :name WHERE run_id = :run_id", name=evil, run_id=run_id)
    change(engine, "UPDATE convoy.runs SET error = :name WHERE id = :run_id", name=evil, run_id=run_id)
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(watched.page.get_by_role("heading", name=evil)).to_be_visible()
    assert watched.page.evaluate("window.hurt") is None
    watched.check_quiet()


def test_no_time_left_is_told_where_nothing_moves(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 3)
    for column in ("convoy.events SET at = at", "convoy.runs SET created_at = created_at"):
        change(engine, f"UPDATE {column} - interval '100 s'")
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    said = watched.page.locator(".progress-said")
    expect(said).to_contain_text(re.compile(r"no progress for [1-9] min \d+ s"))
    expect(said).not_to_contain_text("left")
    change(
        engine, "UPDATE convoy.runs SET phase = 'cancelled', finished_at = now() WHERE id = :id", id=run_id
    )
    expect(said).to_have_text("cancelled before it began, at 0 % of the whole run")
    change(
        engine,
        """INSERT INTO convoy.events (run_id, kind, data) VALUES (:id, 'phase', '{"phase": "ready"}')""",
        id=run_id,
    )
    watched.page.reload()
    expect(said).to_have_text("cancelled while it was held, at 99 % of the whole run")


def test_what_a_proxy_answers_is_not_put_down_to_the_server(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 3)
    watched.sign_in(TOKEN)
    page = watched.page
    sentences = {429: "takes no more requests", 502: "not the server itself"}

    def answer(route: Route) -> None:
        route.fulfill(status=answered, headers={"Retry-After": "1"}, body="<h1>no</h1>")

    for answered, sentence in sentences.items():
        page.route("**/status?*", answer)
        watched.open(f"#/runs/{run_id}")
        expect(trouble(page)).to_contain_text(f"status {answered}")
        expect(trouble(page)).to_contain_text(sentence)
        page.unroute_all()
        expect(trouble(page)).to_have_count(0)
