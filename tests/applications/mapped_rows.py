"""Reads all rows of the tables that SQLAlchemy models map, through their own types; runs inside an application.

`mapped_rows.py MODULE[,MODULE]:BASE URL`: the modules that define the models, the declarative base of all.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine, select


def rows_of(engine: Any, tables: Any) -> dict[str, list[dict[str, str]]]:
    """Return every value of every row by the name of its table, with its type."""
    found = {}
    with engine.connect() as connection:
        for table in tables:
            rows = [
                {column.name: spoken(value) for column, value in zip(table.columns, row, strict=True)}
                for row in connection.execute(select(*table.columns))
            ]
            found[table.name] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def spoken(value: Any) -> str:
    """Return a value with its type; jsonb keeps no order of keys, and times are UTC where they name no zone."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, default=repr)
    return repr(bytes(value)) if isinstance(value, memoryview) else repr(value)


if __name__ == "__main__":
    modules, base = sys.argv[1].split(":")
    loaded = [importlib.import_module(name) for name in modules.split(",")]
    print(json.dumps(rows_of(create_engine(sys.argv[2]), getattr(loaded[0], base).metadata.sorted_tables)))  # noqa: T201
