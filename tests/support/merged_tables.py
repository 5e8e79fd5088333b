"""Tables that an application has seeded, and merges into them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from migration.model import IfExists
from tests.support.direct import Direct

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord


def make(direct: Direct, schema: str, script: str) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(script.encode())


def merge(direct: Direct, source: Path, schema: str, **options: Any) -> RunRecord:
    return direct.migrate(source, target_schema=schema, data_only=True, if_exists=IfExists.MERGE, **options)
