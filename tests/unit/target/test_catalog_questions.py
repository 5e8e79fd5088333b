"""Questions to pg_catalog reach it by its indexes: a server may hold a hundred thousand tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_FILES = sorted(
    path
    for package in ("migration", "producer", "worker", "api")
    for path in (_ROOT / package).rglob("*.py")
    if "pg_catalog." in path.read_text(encoding="utf-8")
)
# Cast on the catalog's side of a comparison, a column of it cannot be looked up: `c.oid = ANY(CAST(:oids AS oid[]))`.
_CAST_COLUMN = re.compile(r"(?<![\w>)'])[a-z]\w*\.?\w*::bigint = (?!\d)")


@pytest.mark.parametrize("path", _FILES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_no_column_of_the_catalog_is_cast_where_it_is_looked_for(path: Path) -> None:
    assert _CAST_COLUMN.findall(path.read_text(encoding="utf-8")) == []


def test_rule_sees_what_it_forbids() -> None:
    assert _CAST_COLUMN.search("WHERE c.oid::bigint = ANY(:oids)")
    assert _CAST_COLUMN.search("WHERE oid::bigint = :oid")
    assert not _CAST_COLUMN.search(
        "SELECT c.oid::bigint AS oid WHERE (t.entry ->> 'oid')::bigint = ANY(:oids)"
    )
