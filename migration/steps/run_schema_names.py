"""Names of the schemas that a run builds in, one pair for each schema that it ends in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from migration.ledger.run_records import RunRecord
from migration.model import Finding, ObjectResult, TablePlan


def target_schemas(plans: Sequence[TablePlan]) -> list[str]:
    """Return the schemas that the plans end in, sorted."""
    return sorted({plan.target_schema for plan in plans})


def staging_schema(run: RunRecord, target_schema: str) -> str:
    """Return the schema that holds the tables of `target_schema` until cutover."""
    return _numbered(run, run.staging_schema, target_schema)


def previous_schema(run: RunRecord, target_schema: str) -> str:
    """Return the schema that keeps what the cutover replaces in `target_schema`."""
    return _numbered(run, run.previous_schema, target_schema)


def kept_schema(previous: str) -> str:
    """Return the schema that keeps the tables of a run which were written to before its rollback.

    >>> kept_schema("convoy_0198_previous_2")
    'convoy_0198_kept_2'
    """
    return re.sub(r"_previous(?=(_[0-9]+)?$)", "_kept", previous)


def owner_name(run: RunRecord, target_schema: str, table: str) -> str:
    """Return what lines about objects of a table have as their owner: tables of one name may stand in two schemas."""
    return f"{target_schema}.{table}" if run.options.schema_per_source and table else table


def told_apart(run: RunRecord, target_schema: str, result: ObjectResult) -> ObjectResult:
    """Return a line about an object of a table such that tables of one name in two schemas keep a line each."""
    return replace(result, owner=owner_name(run, target_schema, result.owner))


def of_sources(plans: Sequence[TablePlan], target_schema: str, found: Sequence[Finding]) -> list[Finding]:
    """Return findings that name tables and views of a target schema as they are called there, each with its source."""
    inside = [plan for plan in plans if plan.target_schema == target_schema]
    labels = {item.name: plan.source_label for plan in inside for item in plan.objects if item.kind == "view"}
    labels |= {plan.target_name: plan.source_label for plan in inside}
    all_labels = set(labels.values())
    only = all_labels.pop() if len(all_labels) == 1 else ""
    return [finding.of(labels.get(finding.table, only)) for finding in found]


def _numbered(run: RunRecord, base: str, target_schema: str) -> str:
    # Two sources with a table of the same name may go into two schemas at once; labels name those.
    if not run.options.schema_per_source:
        return base
    labels = [source.label for source in run.options.sources]
    return f"{base}_{labels.index(target_schema) + 1}" if target_schema in labels else base
