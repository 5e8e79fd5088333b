"""docs/reference/metrics.md lists what a scrape of a real server holds, and no more."""

from __future__ import annotations

import re

from documentation.metrics_page import metric_lines
from tests.integration.api.conftest import RunningApi


def test_the_page_names_what_a_scrape_holds(api: RunningApi) -> None:
    scraped = api.client.get("/metrics").text
    found = dict(re.findall(r"^# TYPE (convoy_\w+) (\w+)$", scraped, re.MULTILINE))
    assert found == {line.name: line.kind for line in metric_lines()}
