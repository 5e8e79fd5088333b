from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from migration.report.report_builder import assemble
from migration.report.report_files import decode_report, encode_report, write_report
from migration.report.report_json_schema import schema_document
from tests.unit.report import scenarios
from tests.unit.report.test_html_report import SCENARIOS

PUBLISHED_SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "report.schema.json"

# What docs and API promise (the shape of report.json).
REQUIRED = {
    "": {
        "run_id",
        "status",
        "mode",
        "sources",
        "target",
        "tables",
        "objects",
        "findings",
        "quarantine",
        "phases",
        "throughput",
        "recommendations",
    },
    "sources": {"label", "path", "sha256", "bytes"},
    "target": {"url", "schema"},
    "tables": {
        "source",
        "name",
        "target",
        "rows_source",
        "rows_loaded",
        "rows_quarantined",
        "rows_target",
        "bytes",
        "seconds",
        "digest_source",
        "digest_target",
        "equal",
        "columns",
    },
    "objects": {"kind", "name", "state", "reason"},
    "quarantine": {"total", "by_reason", "sample"},
    "phases": {"name", "seconds"},
    "throughput": {"rows_per_s", "bytes_per_s"},
}


def test_report_json_has_all_that_is_promised():
    document = json.loads(encode_report(assemble(scenarios.troubled_facts())))
    for place, fields in REQUIRED.items():
        part = document[place] if place else document
        for item in part if isinstance(part, list) else [part]:
            assert fields <= item.keys()
    assert {"name", "declared", "target_type", "reason", "transforms"} <= document["tables"][0]["columns"][
        0
    ].keys()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_report_json_follows_the_published_schema(scenario: str):
    jsonschema = pytest.importorskip("jsonschema")
    document = json.loads(encode_report(assemble(SCENARIOS[scenario]())))
    jsonschema.Draft202012Validator(json.loads(PUBLISHED_SCHEMA.read_text())).validate(document)


def test_published_schema_is_that_of_the_code():
    assert schema_document().decode() == PUBLISHED_SCHEMA.read_text(), (
        "renew it: python -m migration.report.report_json_schema > docs/report.schema.json"
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_report_survives_the_way_through_json(scenario: str):
    report = assemble(SCENARIOS[scenario]())
    assert decode_report(encode_report(report)) == report


def test_both_files_are_written_into_a_new_folder(tmp_path: Path):
    report = assemble(scenarios.school_facts())
    json_path, html_path = write_report(report, tmp_path / "deep" / "down")
    assert json_path.read_bytes() == encode_report(report)
    assert html_path.read_text().startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in json_path.parent.iterdir()) == [
        "junit.xml",
        "manifest.sha256",
        "report.html",
        "report.json",
    ]


def test_failed_write_leaves_the_old_report_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    report = assemble(scenarios.school_facts())
    write_report(report, tmp_path)
    before = (tmp_path / "report.json").read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_report(assemble(scenarios.failed_facts()), tmp_path)
    assert (tmp_path / "report.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 4


def test_second_report_replaces_the_first(tmp_path: Path):
    write_report(assemble(scenarios.school_facts()), tmp_path)
    json_path, _ = write_report(assemble(scenarios.failed_facts()), tmp_path)
    assert decode_report(json_path.read_bytes()).status.value == "failed"
