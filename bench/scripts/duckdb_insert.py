"""Run by the virtual environment of the benchmark's DuckDB: SOURCE URL then pairs of source and target table."""

from __future__ import annotations

import sys
from importlib.resources import files

import duckdb


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def main(source: str, url: str, *names: str) -> None:
    """Insert every table with one statement."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    for name in ("sqlite_scanner", "postgres_scanner"):
        folder = files(f"duckdb_extension_{name}")
        connection.execute(f"LOAD '{folder}/extensions/v{duckdb.__version__}/{name}.duckdb_extension'")
    connection.execute(f"ATTACH '{source}' AS source (TYPE sqlite, READ_ONLY)")
    connection.execute(f"ATTACH '{url}' AS target (TYPE postgres)")
    for table, into in zip(names[::2], names[1::2], strict=True):
        connection.execute(f"INSERT INTO target.public.{_quoted(into)} SELECT * FROM source.{_quoted(table)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
