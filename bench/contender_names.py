"""What the contenders are called, in the results, the picture and the words."""

from __future__ import annotations

CONVOY = "Convoy"
UNPROVED = "Convoy, unproved"
ONE_SHOT_CONVOY = "Convoy, one-shot"
PGLOADER = "pgloader"
PGLOADER_4 = "pgloader v4"
DUCKDB = "DuckDB INSERT"
DUCKDB_KEYS = "DuckDB INSERT + keys"
WRITE_ROW = "psycopg write_row"
PSQL = r"psql \copy x1"
PSQL_KEYS = r"psql \copy x1 + keys"
PSQL_TWICE = r"psql \copy x2"

COPY_ALONE = (CONVOY, PSQL)
"""Enough to hold the copy phase against the server's limit, and short enough for many or long data sets."""
BUT_UNPROVED = (
    CONVOY,
    ONE_SHOT_CONVOY,
    PGLOADER,
    PGLOADER_4,
    DUCKDB,
    DUCKDB_KEYS,
    WRITE_ROW,
    PSQL,
    PSQL_KEYS,
    PSQL_TWICE,
)
"""All but a run that nobody should do; what the proof costs is told by the two data sets that come first."""
