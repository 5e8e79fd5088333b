"""The JSON Schema of report.json, made from the records of report_model.py.

``python -m migration.report.report_json_schema > docs/report.schema.json`` renews the published file; a test
compares the two.
"""

from __future__ import annotations

import sys

import msgspec

from migration.report.report_model import REPORT_VERSION, Report

TITLE = f"Convoy report, version {REPORT_VERSION}"


def schema_document() -> bytes:
    """Return the schema (draft 2020-12) as indented JSON, ending in a line end."""
    (reference,), components = msgspec.json.schema_components(
        [Report], ref_template="#/$defs/{name}", schema_hook=None
    )
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": TITLE,
        **reference,
        "$defs": dict(sorted(components.items())),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


if __name__ == "__main__":
    sys.stdout.buffer.write(schema_document())
