"""Run by a Python that has DuckDB with its extensions: SOURCE URL SCHEMA, then the names of tables."""

from __future__ import annotations

import sys
from importlib.resources import files

import duckdb


def main(source: str, url: str, schema: str, *names: str) -> None:
    """Insert every table with one statement."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name in ("sqlite_scanner", "postgres_scanner"):
        folder = files(f"duckdb_extension_{name}")
        connection.execute(f"LOAD '{folder}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    connection.execute(f"ATTACH '{source}' AS source (TYPE sqlite, READ_ONLY)")
    connection.execute(f"ATTACH '{url}' AS target (TYPE postgres)")
    for name in names:
        connection.execute(f"INSERT INTO target.{schema}.{name} SELECT * FROM source.{name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
