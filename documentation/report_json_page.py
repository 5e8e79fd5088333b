"""docs/reference/report-json.md: every field of report.json, from the records that it is made of."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Iterator
from typing import Any

from documentation.attribute_docstrings import attribute_docstrings
from documentation.json_schema_parts import object_lines
from documentation.markdown_parts import page
from migration.report.report_json_schema import schema_document
from migration.report.report_model import REPORT_VERSION, Report


def report_json_page() -> str:
    """Return the page."""
    schema = json.loads(schema_document())
    kinds = {kind.__name__: kind for kind in _records(Report)}
    return page(
        "report.json",
        f"What `--report DIR` and `--json` write, and the API's summary answers: version {REPORT_VERSION}."
        " [report.schema.json](../report.schema.json) is the same as a JSON Schema. Sizes are bytes, durations"
        " seconds, times ISO 8601 with offset. No text holds a password or a control character. The version grows"
        " when a field changes its meaning or goes away; new fields do not count, so a reader lets those pass that"
        " it does not know.",
        *(
            object_lines(
                name, schema["$defs"][name], 2, attribute_docstrings(kinds[name]) if name in kinds else {}
            )
            for name in _in_order(schema)
        ),
    )


def _in_order(schema: dict[str, Any]) -> list[str]:
    """Return the names of all objects, each behind the one that first speaks of it."""
    names = [schema["$ref"].rpartition("/")[2]]
    for name in names:
        found = json.dumps(schema["$defs"][name])
        names += [other for other in sorted(schema["$defs"]) if f'/{other}"' in found and other not in names]
    return names


def _records(kind: Any, seen: set[Any] | None = None) -> Iterator[type]:
    """Yield a dataclass and all those that its fields speak of."""
    seen = set() if seen is None else seen
    for part in typing.get_args(kind):
        yield from _records(part, seen)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and kind not in seen:
        seen.add(kind)
        yield kind
        for hint in typing.get_type_hints(kind).values():
            yield from _records(hint, seen)
