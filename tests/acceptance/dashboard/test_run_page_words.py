"""What a run's page says of its log, of a run that was stopped, and of what is no longer as it was shown."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine, text

from migration.ledger.event_names import EventName
from migration.ledger.run_acts import Act
from migration.ledger.run_records import create_run
from migration.model import Mode, Phase, Source
from migration.run_options import RunOptions
from tests.support.api import TOKEN
from tests.support.browser_pages import WatchedPage
from tests.support.laid_out_runs import change, lay_out
from tests.support.running_processes import ApiProcess

ERROR = {"error": "The disk is full.", "error_details": {"code": "disk-full", "place": {"table": "t"}}}
DATA: dict[EventName, list[dict[str, Any]]] = {
    EventName.PHASE: [{"phase": phase.value} for phase in Phase],
    EventName.PLANNED: [{"tables": 3, "chunks": 10}],
    EventName.SENT: [{"phase": "cutting_over", "messages": 1, "steps": 10}],
    EventName.RESEND: [
        {"phase": "copying", "lost": 0, "stalled": 3},
        {"phase": "copying", "lost": 2, "stalled": 0},
    ],
    EventName.STEP_FAILED: [
        {"step": 69, "phase": "copying", "final": False, **ERROR},
        {"step": 69, "phase": "copying", "final": True, **ERROR},
    ],
    EventName.WORKER_STOPPED: [{"step": 7, "part": 0, "worker": "w1"}],
    EventName.WAITING: [{"phase": "cutting_over", "reason": "somebody holds a lock"}],
    EventName.FAILED: [{"exit_status": 4, "phase": "copying", **ERROR}],
    EventName.PAUSED: [{"phase": "copying"}],
    EventName.RESUME: [{}],
    EventName.CUTOVER: [{}],
    EventName.RETRY: [{"stored": 4, "remaining": 1}],
    EventName.ACT: [
        {
            "act": act.value,
            "person": "token ada",
            "host": "h",
            "convoy_version": "1",
            "data": {"schemas": ["s"]},
        }
        for act in Act
    ],
    EventName.DRY_RUN: [{"seconds": 3.5, "rows": {"a": 1}}],
}
INSIDE = re.compile(
    r"[{}\[\]\"]|\w_\w|\b(true|false|null|undefined|NaN|step \d|final|error details)\b|no words for"
)


def log(engine: Engine, run_id: str, kind: str, **data: Any) -> None:
    change(
        engine,
        "INSERT INTO convoy.events (run_id, kind, data) VALUES (:run_id, :kind, CAST(:data AS jsonb))",
        run_id=run_id,
        kind=kind,
        data=json.dumps(data),
    )


def look_now(page: Page) -> None:
    """Somebody comes back to the page: what is asked seldom is asked for now."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def fact(page: Page, name: str) -> Any:
    return page.locator(".facts > div", has=page.locator("dt", has_text=re.compile(f"^{name}$"))).locator(
        "dd"
    )


def test_every_kind_of_entry_is_a_sentence_and_none_shows_what_programs_read(
    watched: WatchedPage, engine: Engine
) -> None:
    assert set(DATA) == set(EventName)
    run_id = lay_out(engine, 1)
    change(engine, "DELETE FROM convoy.events WHERE run_id = :run_id", run_id=run_id)
    for kind, examples in DATA.items():
        for data in examples:
            log(engine, run_id, kind.value, **data)
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    entries = watched.page.locator(".events li")
    expect(entries).to_have_count(sum(map(len, DATA.values())))
    said = [re.sub(r"^\d\d:\d\d:\d\d\s*", "", line).strip() for line in entries.all_inner_texts()]
    assert [line for line in said if INSIDE.search(line) or not re.fullmatch(r"[A-Z\d].{8,}\.", line)] == []
    assert len(set(said)) == len(said)
    assert "3 steps of copying will be sent again: the workers of 3 were heard of no more." in said
    assert "Rolled back by token ada at h." in said


def test_a_run_that_is_cancelled_while_it_is_read_says_so_in_every_part(
    watched: WatchedPage, engine: Engine
) -> None:
    run_id = lay_out(engine, 2)
    log(engine, run_id, "phase", phase="snapshotting")
    log(engine, run_id, "phase", phase="profiling")
    log(engine, run_id, "phase", phase="cancelled")
    log(engine, run_id, "act", act="cancelled", person="token ada", host="h")
    log(engine, run_id, "sent", phase="profiling", messages=1, steps=10)
    change(
        engine,
        "UPDATE convoy.runs SET phase = 'cancelled', finished_at = now() WHERE id = :id",
        id=run_id,
    )
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(page.locator(".progress-said")).to_contain_text("cancelled during profiling, at")
    expect(page.locator(".phases .stopped")).to_contain_text("profiling")
    expect(page.locator("section:has(#chunks-head) .card-head")).to_contain_text(
        "2 chunks, cancelled during profiling"
    )
    expect(fact(page, "Values read")).to_have_text("not measured: cancelled during profiling")
    expect(page.locator(".tables tbody tr").first).not_to_contain_text(" B")
    expect(page.locator(".events li").first).to_contain_text("Cancelled by token ada at h.")
    expect(page.locator(".events li").nth(2)).to_contain_text("10 steps of profiling went to the workers.")


def test_a_rollback_is_in_the_log_at_once_and_no_part_of_the_time_taken(
    watched: WatchedPage, engine: Engine
) -> None:
    run_id = lay_out(engine, 1)
    change(
        engine,
        "UPDATE convoy.runs SET phase = 'completed', started_at = now() - interval '655 s',"
        " finished_at = now() - interval '600 s' WHERE id = :id",
        id=run_id,
    )
    change(
        engine,
        "INSERT INTO convoy.events (run_id, kind, data, at)"
        """ VALUES (:id, 'phase', '{"phase": "completed"}', now() - interval '600 s')""",
        id=run_id,
    )
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(fact(page, "Time taken")).to_have_text("55 s")
    expect(page.locator(".events")).to_contain_text("The run is completed.")

    log(engine, run_id, "phase", phase="rolled_back")
    log(engine, run_id, "act", act="rolled_back", person="token ada", host="h")
    change(
        engine, "UPDATE convoy.runs SET phase = 'rolled_back', finished_at = now() WHERE id = :id", id=run_id
    )
    look_now(page)

    expect(page.locator(".events li").first).to_contain_text("Rolled back by token ada at h.")
    expect(page.locator(".events")).to_contain_text("The run is rolled back.")
    expect(fact(page, "Time taken")).to_have_text("55 s")
    expect(fact(page, "Rolled back")).to_have_text(re.compile(r"\d"))


def test_a_dialog_sees_that_its_act_makes_no_sense_any_more(watched: WatchedPage, engine: Engine) -> None:
    run_id = lay_out(engine, 1)
    page = watched.page
    watched.sign_in(TOKEN)

    def refuse(route: Route) -> None:
        problem = '{"title": "Not now", "detail": "The server is away."}'
        route.fulfill(status=503, content_type="application/problem+json", body=problem)

    page.route("**/pause", refuse)
    watched.open(f"#/runs/{run_id}")
    page.locator("#act-pause").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("#confirm").click()
    expect(dialog.get_by_role("alert")).to_have_text("The server is away.")

    change(
        engine, "UPDATE convoy.runs SET phase = 'completed', finished_at = now() WHERE id = :id", id=run_id
    )

    expect(dialog).to_contain_text("The run is completed by now: “Pause” makes no sense any more.")
    expect(dialog.get_by_role("alert")).to_have_count(0)
    expect(dialog.locator("#confirm")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    expect(page.locator("#act-pause")).to_have_count(0)


def test_a_token_that_is_withdrawn_is_noticed_on_a_page_that_asks_nothing_and_after_a_reload(
    watched: WatchedPage, api: ApiProcess
) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open("#/compare")
    expect(page.get_by_text("Choose two finished runs")).to_be_visible()
    api.kill()
    api.start(MIGRATION_API_TOKEN="another")
    expect(page.get_by_role("alert")).to_contain_text("does not take this token any more")

    page.get_by_label("Token").fill("another")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Choose two finished runs")).to_be_visible()
    page.goto("about:blank")
    api.kill()
    api.start()
    watched.open("#/runs")
    expect(page.get_by_role("alert")).to_contain_text("does not take this token any more")


def test_runs_of_tenants_are_told_apart_where_two_are_compared(phone: WatchedPage, engine: Engine) -> None:
    runs = [
        create_run(
            engine,
            RunOptions(mode=Mode.MIGRATE, sources=(Source("shop", "/s"),), target_schema=f"tenant_{place}"),
        )
        for place in ("graz", "linz")
    ]
    for run_id in runs:
        change(
            engine,
            "UPDATE convoy.runs SET phase = 'completed', finished_at = now() WHERE id = :id",
            id=run_id,
        )
    page = phone.page
    phone.sign_in(TOKEN)
    phone.open(f"#/compare?a={runs[0]}&b={runs[1]}")
    for place, picker, run_id in zip(("graz", "linz"), page.locator(".picker").all(), runs, strict=True):
        expect(picker.locator("option:checked")).to_contain_text(f"schema tenant_{place}")
        expect(picker.locator("p")).to_contain_text(f"migration into schema tenant_{place}")
        expect(picker.locator(".id")).to_have_text(run_id)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture
def closed_database(engine: Engine, postgres_url: str) -> Iterator[Callable[..., None]]:
    """Return what shuts the ledger's database to everybody, as a restart does, and what opens it."""
    with engine.connect() as opened:
        name = opened.execute(text("SELECT current_database()")).scalar()

    def close(*, closed: bool) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS {not closed}'.encode())
            if closed:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
                )

    yield close
    close(closed=False)


def test_a_ledger_that_goes_away_ends_the_events_in_an_orderly_way_and_they_go_on_after_it(
    watched: WatchedPage, api: ApiProcess, engine: Engine, closed_database: Any
) -> None:
    run_id = lay_out(engine, 2)
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{run_id}")
    expect(page.get_by_text("0 loaded of 20")).to_be_visible()
    expect(page.locator(".events li")).not_to_have_count(0)
    expect(page.locator("section:has(#chunks-head) .card-head")).to_contain_text("2 chunks of the copy")
    log_file = api.folder / "api.log"
    before = len(log_file.read_text(errors="replace"))

    closed_database(closed=True)

    expect(page.locator(".trouble")).to_contain_text("the numbers are from then")
    expect(page.locator(".progress-said")).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d"))
    expect(fact(page, "Started")).to_have_text(re.compile(r"\d"))
    expect(fact(page, "Time taken")).to_have_text(re.compile(r"\d"))
    expect(page.locator(".phases .now")).to_contain_text("copying")

    closed_database(closed=False)
    engine.dispose()
    log(engine, run_id, "retry", stored=4, remaining=1)

    expect(page.locator(".trouble")).to_have_count(0)
    expect(page.locator(".events")).to_contain_text("4 rows could be stored")
    logged = log_file.read_text(errors="replace")[before:]
    assert logged.count(f"The events of run {run_id} broke off") == 1
    assert "Traceback" not in logged
    assert "Unexpected" not in logged
    assert [said for said in watched.complaints if "INCOMPLETE_CHUNKED" in said] == []
