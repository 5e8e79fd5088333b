"""The pages and files of docs/ that are made of the code: `python -m documentation.reference_pages` writes them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from documentation.command_line_page import command_line_page
from documentation.downtime_figures import expected_downtime_page
from documentation.error_list import errors_json, next_steps_page
from documentation.http_api_page import http_api_page, openapi_json
from documentation.metrics_page import metrics_page
from documentation.report_json_page import report_json_page
from documentation.settings_page import settings_page
from migration.report.report_json_schema import schema_document

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"

GENERATED: Final[Mapping[str, Callable[[], str]]] = {
    "reference/command-line.md": command_line_page,
    "reference/http-api.md": http_api_page,
    "reference/settings.md": settings_page,
    "reference/report-json.md": report_json_page,
    "reference/metrics.md": metrics_page,
    "reference/next-steps.md": next_steps_page,
    "how-to/expected-downtime.md": expected_downtime_page,
    "errors.json": errors_json,
    "openapi.json": openapi_json,
    "report.schema.json": lambda: schema_document().decode(),
}
"""File below docs/ → what makes its text."""


def main() -> None:
    """Write what has changed."""
    for name, text in GENERATED.items():
        path = DOCS / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
