from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import ClassVar

import pytest

from migration.model import Phase
from migration.report import html_report
from migration.report.html_report import render_html, table_rows
from migration.report.report_builder import assemble
from migration.report.run_facts import Facts
from tests.unit.report import factories, scenarios

SCENARIOS = {
    "school": scenarios.school_facts,
    "troubled": scenarios.troubled_facts,
    "dry_run": scenarios.dry_run_facts,
    "validate": scenarios.validate_facts,
    "failed": scenarios.failed_facts,
    "empty": scenarios.empty_facts,
    "cancelled": scenarios.cancelled_facts,
    "many": scenarios.many_facts,
}


class Page(HTMLParser):
    """Checks that elements nest, and gathers ids, links and headings."""

    VOID: ClassVar = {"meta", "link", "input", "br"}

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.outside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name in ("src", "href", "srcset", "action", "data"):
                (self.links if value.startswith("#") else self.outside).append(value)
            assert not name.startswith("on"), (tag, name)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(params=SCENARIOS, scope="module")
def page(request: pytest.FixtureRequest) -> str:
    return render_html(assemble(SCENARIOS[request.param]()))


def test_page_is_well_formed_and_its_links_lead_somewhere(page: str):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link[1:] for link in parsed.links} <= set(parsed.ids)
    assert parsed.tags.count("h1") == 1


def test_page_needs_no_network(page: str):
    parsed = Page(page)
    assert parsed.outside == ["data:,"]
    assert "default-src 'none'" in page
    assert not re.search(
        r"@import|url\(|fetch\(|XMLHttpRequest|https?://(?!\S*\bw3\.org)", page.split("<main>", maxsplit=1)[0]
    )


def test_page_serves_dark_and_light_and_small_screens(page: str):
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page
    assert "@media (max-width" in page


def test_five_hundred_tables_stay_below_two_megabytes():
    page = render_html(assemble(scenarios.many_facts(500)))
    assert len(page.encode()) < 2_000_000
    assert page.count('<th scope="row">table_') >= 500


def test_values_of_a_stranger_are_never_markup():
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    facts = scenarios.troubled_facts(
        tables=(factories.table_facts(evil),),
        quarantine_reasons={evil: 1},
        quarantine_sample=(factories.sample(evil, evil, evil.encode(), evil, (evil,)),),
        findings=(factories.finding("missing_row", evil, evil, evil, evil),),
    )
    page = render_html(assemble(facts))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert" in page


def test_both_digests_stand_beside_each_other():
    facts = scenarios.school_facts(tables=(factories.table_facts(),))
    page = render_html(assemble(facts))
    digest = factories.checksum("users 1200")
    assert re.search(
        rf"{digest}</td>\s*<td class=\"same yes\" title=\"equal\">=</td>\s*<td[^>]*>{digest}", page
    )


def test_bars_are_to_scale_and_never_longer_than_the_largest():
    rows = table_rows(assemble(scenarios.troubled_facts()))
    by_name = {row.table.name: row for row in rows}
    assert by_name["question_history"].loaded_percent == 100
    assert by_name["user_note"].loaded_percent == 0
    assert by_name["reading_result"].quarantined_percent == pytest.approx(100 * 1_204 / 184_310)
    assert by_name["user_profiles"].state == "partial"


def test_password_never_reaches_the_page():
    facts: Facts = scenarios.failed_facts(
        run=factories.run_record(
            Phase.FAILED,
            factories.options(target="postgresql://ada:hunter2@db/app"),
            error="no connection to postgresql://ada:hunter2@db/app",
        )
    )
    assert "hunter2" not in render_html(assemble(facts))


def _luminance(colour: str) -> float:
    digits = colour * 2 if len(colour) == 3 else colour
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("ink", "page"),
        ("ink", "card"),
        ("ink", "code"),
        ("soft", "page"),
        ("soft", "card"),
        ("soft", "code"),
        ("soft", "hover"),
        ("link", "page"),
        ("good", "good-back"),
        ("warn", "warn-back"),
        ("bad", "bad-back"),
        ("calm", "calm-back"),
        ("good", "card"),
        ("bad", "card"),
    ],
)
def test_text_has_the_contrast_of_wcag_aa(theme: int, ink: str, paper: str):
    css = (Path(html_report.__file__).parent / "report.css").read_text()
    colours = dict(
        re.findall(r"--([\w-]+): #(\w+);", css.split("@media (prefers-color-scheme: dark)")[theme])
    )
    light, dark = sorted((_luminance(colours[ink]), _luminance(colours[paper])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


@pytest.mark.parametrize(
    ("batch_rows", "chunk_rows", "said"),
    [
        (None, None, "batches of an automatic size, chunks of an automatic size"),
        (1_000, 20_000, "batches of 1,000 rows, chunks of 20,000 rows"),
    ],
)
def test_sizes_of_batches_and_chunks_are_told(batch_rows, chunk_rows, said):
    report = assemble(scenarios.school_facts())
    options = replace(report.options, batch_rows=batch_rows, chunk_rows=chunk_rows)
    assert said in render_html(replace(report, options=options))
