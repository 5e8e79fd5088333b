"""What a run's pages say in every mode and at every end: each word and figure is one of the ledger or the report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import Engine

from migration.ledger.run_records import create_run
from migration.model import Mode, OnError, Source
from migration.run_options import RunOptions
from tests.support.api import TOKEN
from tests.support.browser_pages import WIDTHS, WatchedPage, new_page
from tests.support.direct import Direct, quiet_steps
from tests.support.laid_out_runs import change
from tests.support.running_processes import ApiProcess
from tests.support.runs_of_every_ending import ROWS, SPOILED, RunsByName, make_runs, make_sources

V1: Final = "/api/v1/migration"
PARTS: Final = ("[aria-label=Progress]", "section:has(#tables-head)", "section:has(#chunks-head)",
                "section:has(#speed-head)", "section:has(#quarantine-head)", "section:has(#findings-head)")  # fmt: skip
"""All of a run's page but what the server itself says of waits, errors and workers, and the log."""

NEVER: Final = {
    # A comparison copies nothing, has no chunks, and keeps nothing apart.
    "validate": r"load|copied|copying|\bchunk|quarantine|tried|rows/s|stops the run|Values read|migration|\bof 0\b",
    "dry-run": r"(?<![Ww]ould be )loaded|copied|copying|in quarantine|stayed out|of the copy|stops the run|migration",
    "migrate": r"would|tried|trial|stops the run",
}
NEVER_AT_AN_END: Final = r"\byet\b|to be (copied|tried)|Asking|time left|in all|once the|NaN|undefined|null"
NEVER_ANYWHERE: Final = r"NaN|undefined|null|\ball 0\b|[Nn]ot counted.*0 of 0"


@pytest.fixture(scope="module")
def direct(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Direct]:
    made = Direct(database_url, tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def runs(direct: Direct) -> RunsByName:
    return make_runs(direct, direct.folder)


def ask(api: ApiProcess, path: str) -> Any:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = httpx.get(f"{api.url}{V1}/{path}", headers=headers, trust_env=False, timeout=30)
    answer.raise_for_status()
    return answer.json()


def facts_of(page: Page) -> dict[str, str]:
    found = page.locator("[aria-label=Progress] .facts > div").all_inner_texts()
    return {name: value for name, _, value in (text.partition("\n") for text in found)}


def text_of(page: Page, *parts: str) -> str:
    return "\n".join(text for part in parts for text in page.locator(part).all_inner_texts())


def figures_in(text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*", text)]


def complaints_of(name: str, status: dict[str, Any], page: Page) -> list[str]:
    """Return what a run's page says that is not so."""
    mode, told, facts = status["mode"], text_of(page, *PARTS), facts_of(page)
    told = re.sub(r"Copy id|\bpending\n", "", told)  # the first phase's name
    wrong = re.findall(f".*(?:{NEVER[mode]}).*", told) + re.findall(f".*(?:{NEVER_ANYWHERE}).*", told)
    rows = status["rows"]
    if status["finished"]:
        wrong += re.findall(f".*(?:{NEVER_AT_AN_END}).*", told + text_of(page, "section:has(#events-head)"))
        if ("Ended" in facts) == (status["status"] == "ready"):
            wrong.append(f"Ended: {facts.get('Ended')}, though it is {status['status']}")
        if ("Held since" in facts) != (status["status"] == "ready"):
            wrong.append("Held since")
    if mode == "validate":
        for absent in ("#chunks-head", "#speed-head", "#quarantine-head"):
            wrong += [absent] if page.locator(absent).count() else []
        if status["tables"]:
            expected = [
                sum(t["rows_total"] for t in status["tables"]),
                sum(t["rows_target"] for t in status["tables"]),
            ]
            wrong += [] if figures_in(facts["Rows compared"]) == expected else [facts["Rows compared"]]
            differing = sum(not table["equal"] for table in status["tables"])
            said = text_of(page, "section:has(#tables-head) .card-head")
            wrong += [] if not differing or f"{differing} differs" in said else [said]
    elif rows["total"]:
        known = {rows["total"], rows["done"], rows["quarantined"], rows["done"] + rows["quarantined"]}
        wrong += [] if set(figures_in(facts["Rows"])) <= known else [facts["Rows"]]
        speed = next((value for fact, value in facts.items() if fact.startswith("Speed")), "0")
        said = text_of(page, "section:has(#speed-head) p")
        if rows["done"]:
            pace = round(rows["per_second"])
            expected = {"one row count": rows["done"], "one pace": pace}
            paces = figures_in(re.sub(r".* in [^,]*, ", "", said))
            found = {"one row count": figures_in(said)[0], "one pace": paces[0]}
            wrong += (
                []
                if found == expected and figures_in(speed)[0] == pace
                else [f"{expected}: {speed} / {said}"]
            )
        else:
            wrong += [] if said.startswith("Nothing") and speed == "0" else [f"{speed} / {said}"]
    return [f"{name}: {one}" for one in wrong]


def test_no_page_of_a_run_speaks_of_what_it_does_not_do(
    watched: WatchedPage, api: ApiProcess, runs: RunsByName
) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    wrong = []
    for name, run_id in runs.items():
        status = ask(api, f"{run_id}/status")
        watched.open(f"#/runs/{run_id}")
        page.locator("code.id", has_text=run_id).wait_for()
        page.locator(".events li").first.wait_for()
        expect(page.locator("#content")).not_to_contain_text("Asking the server", use_inner_text=True)
        wrong += complaints_of(name, status, page)
    assert wrong == []
    watched.check_quiet()


def test_no_report_speaks_of_what_the_run_did_not_do(
    watched: WatchedPage, api: ApiProcess, runs: RunsByName
) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    wrong = []
    for name, run_id in runs.items():
        if not ask(api, f"{run_id}/status")["finished"]:
            continue
        report = ask(api, f"{run_id}/summary")
        watched.open(f"#/runs/{run_id}/report")
        page.locator("code.id", has_text=run_id).wait_for()
        tables = text_of(page, "section:has(#tables-head)")
        verdict = text_of(page, ".verdict .facts")
        if report["mode"] == "validate":
            wrong += [
                f"{name}: {line}" for line in re.findall(r".*(?:loaded|quarantine|tried|Size|Took).*", tables)
            ]
        if report["mode"] == "dry-run":
            wrong += [
                f"{name}: {line}" for line in re.findall(r".*(?:(?<!would be )loaded|quarantine).*", tables)
            ]
            if not report["status"].startswith("completed"):
                wrong += [f"{name}: {line}" for line in re.findall(r".*would be.*", tables)]
        if not report["throughput"]["rows_per_s"]:
            wrong += [f"{name}: {line}" for line in re.findall(r".*rows/s.*", verdict)]
        elif "rows/s read" not in verdict:
            wrong.append(f"{name}: {verdict}")
        ends = {"ready": "Held since", "rolled_back": "Rolled back"}
        if ends.get(report["status"], "Ended") not in verdict:
            wrong.append(f"{name}: {verdict}")
        if not report["tables"] and "None is known" not in tables:
            wrong.append(f"{name}: {tables}")
        resumed = [advice["detail"] for advice in report["recommendations"] if "resumed" in advice["detail"]]
        wrong += [f"{name}: {said}" for said in resumed if report["mode"] != "migrate" and "cop" in said]
    assert wrong == []
    watched.check_quiet()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_is_accessible_and_fits(
    browser: Any, api: ApiProcess, runs: RunsByName, width: int
) -> None:
    context, watched = new_page(browser, api.url, width=width)
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{runs['validate completed_with_findings']}")
    expect(watched.page.locator("section:has(#tables-head) tbody tr").first).to_contain_text("differs")
    watched.page.locator(".findings li").first.wait_for()
    watched.check_accessible("a comparison")
    watched.open(f"#/runs/{runs['validate completed_with_findings']}/report")
    watched.page.locator("#tables-head").wait_for()
    watched.check_accessible("the report of a comparison")
    context.close()


def test_a_cancelled_run_knows_where_it_stopped_without_its_log(
    watched: WatchedPage, runs: RunsByName
) -> None:
    page = watched.page
    watched.sign_in(TOKEN)
    page.route("**/events*", lambda route: route.fulfill(status=502, body="proxy"))
    watched.open(f"#/runs/{runs['migrate cancelled in indexing']}")
    expect(page.locator(".progress-said")).to_contain_text("cancelled during indexing")
    expect(page.locator(".phases .stopped")).to_contain_text("indexing")


def test_rows_read_are_those_loaded_and_those_kept_apart(api: ApiProcess, runs: RunsByName) -> None:
    """In the answers of the server: one word for one number."""
    for name in ("migrate completed_with_findings", "dry-run completed_with_findings"):
        status = ask(api, f"{runs[name]}/status")
        speed = ask(api, f"{runs[name]}/throughput?spans=1")
        assert speed["rows"] == [status["rows"]["done"]] == [2 * ROWS - SPOILED]
        assert speed["rows_quarantined"] == [status["rows"]["quarantined"]] == [SPOILED]
        assert status["rows"]["per_second"] == pytest.approx(
            speed["rows"][0] / speed["seconds_per_span"], rel=0.01
        )


def test_the_pace_of_a_run_at_its_end_falls_no_more(api: ApiProcess, runs: RunsByName) -> None:
    paces = [ask(api, f"{runs['migrate failed']}/status")["rows"]["per_second"] for _ in range(2)]
    assert paces[0] == paces[1] > 0


TWINS: Final = ("graz", "linz")


def _sources(folder: Path) -> tuple[Source, ...]:
    made = []
    for label in TWINS:
        (folder / label).mkdir()
        made.append(Source(label, str(make_sources(folder / label)[1])))
    return tuple(made)


@pytest.fixture(scope="module")
def twins(direct: Direct, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Runs of two sources that have tables of the same names, each in a schema of its own."""
    sources = _sources(tmp_path_factory.mktemp("twins"))
    made = {}
    with quiet_steps():
        for name, options in (("kept", {}), ("stopped", {"on_error": OnError.ABORT})):
            run_id = create_run(
                direct.ledger,
                RunOptions(mode=Mode.MIGRATE, sources=sources, schema_per_source=True, hold=True, **options),  # type: ignore[arg-type]
            )
            direct.finish(run_id)
            made[name] = run_id
    return made


def test_tables_of_several_sources_are_told_apart_in_every_part(
    watched: WatchedPage, engine: Engine, twins: dict[str, str]
) -> None:
    change(
        engine,
        'INSERT INTO convoy.findings (run_id, kind, "table", "column", message, is_error, source) VALUES'
        " (:id, 'lossy_value', 'note', 'words', 'a value is lossy', false, ''),"  # as an earlier version wrote it
        " (:id, 'lossy_value', 'note', 'words', 'a value is lossy', false, 'linz'),"
        " (:id, 'skipped_object', 'linz', NULL, 'trigger t did not come along', false, 'linz')",
        id=twins["kept"],
    )
    page = watched.page
    watched.sign_in(TOKEN)
    watched.open(f"#/runs/{twins['kept']}")
    groups = page.locator(".group summary strong")
    expect(groups).to_have_count(2)
    assert sorted(groups.all_inner_texts()) == ["graz.note.words", "linz.note.words"]
    findings = page.locator(".findings li")
    expect(findings).to_have_count(3)
    for place, finding in zip(
        ("note (of graz or linz).words", "linz.note.words", "linz"), findings.all(), strict=True
    ):
        expect(finding.locator(".soft").first).to_have_text(place)
    groups.last.click()
    expect(page.locator(".group[open] pre").first).to_contain_text(".tables.note.columns.words]")
    expect(page.locator(".group[open] pre").first).to_contain_text("[sources.")
    page.get_by_role("button", name="linz.note").click()
    expect(page.locator("#chunks-head")).to_have_text(re.compile(r"\s*Chunks of linz.note\s*"))
    page.locator(".chunks .cell").first.click()
    expect(page.locator(".chunk-detail h3")).to_contain_text("of linz.note")

    watched.open(f"#/runs/{twins['stopped']}")
    for place in (".failure", ".events"):
        expect(page.locator(place)).to_contain_text(re.compile("source (graz|linz), table note"))
        expect(page.locator(place)).not_to_contain_text("The table is")
    watched.open(f"#/runs/{twins['kept']}/report")
    expect(page.locator("section:has(#tables-head)")).to_contain_text("graz.note")

    watched.open("#/runs")
    line = page.locator("tbody tr", has=page.locator(f"a[href='#/runs/{twins['kept']}']"))
    expect(line).to_contain_text("migration into a schema for each source")


def test_percent_is_of_the_way_that_a_run_has_to_go(api: ApiProcess, runs: RunsByName) -> None:
    """A comparison that has only begun to compare is not at 85 percent, where a migration would be."""
    percents = {
        name: ask(api, f"{runs[name]}/status")["percent"]
        for name in ("validate validating", "dry-run copying", "migrate validating", "validate completed")
    }
    assert percents == {
        "validate validating": 5.0,
        "dry-run copying": 20.0,
        "migrate validating": 85.0,
        "validate completed": 100.0,
    }
