"""Single values of 100 MB: they arrive equal, in memory that a small machine has."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.support.direct import Direct

SIZE = 100_000_000
MOST_MEMORY_BYTES = 2_000_000_000
MIGRATE = """
import resource, sys
from pathlib import Path
from tests.support.direct import Direct
driver = Direct(sys.argv[1], Path(sys.argv[2]))
run = driver.migrate(Path(sys.argv[3]), target_schema="huge")
print(run.phase, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, run.error or "")
driver.close()
"""


@pytest.mark.skipif(
    "CONVOY_SLOW_TESTS" not in os.environ, reason="takes half a minute; set CONVOY_SLOW_TESTS"
)
def test_100_megabytes_of_text_and_of_bytes_arrive_equal(direct: Direct, tmp_path: Path) -> None:
    line = "Příliš žluťoučký kůň \\N \\\\ \t 'quoted' \U0001f40e\n"
    words = (line * (SIZE // len(line.encode()) + 1)).encode()[:SIZE].decode(errors="ignore")
    raw = bytes(range(256)) * (SIZE // 256)
    path = tmp_path / "huge.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT, raw BLOB)")
        connection.execute(
            "INSERT INTO t VALUES (1, ?, NULL), (2, NULL, ?), (3, 'short', x'00')", (words, raw)
        )
        connection.commit()
    done = subprocess.run(
        [sys.executable, "-c", MIGRATE, direct.url, str(tmp_path), str(path)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    phase, memory, *error = done.stdout.split()
    assert (phase, error) == ("completed", [])
    assert int(memory) < MOST_MEMORY_BYTES, memory
    with psycopg.connect(direct.url) as connection:
        rows = connection.execute(
            "SELECT id, octet_length(words), sha256(convert_to(words, 'UTF8')), length(raw), sha256(raw)"
            " FROM huge.t ORDER BY id"
        ).fetchall()
    assert rows[:2] == [
        (1, len(words.encode()), hashlib.sha256(words.encode()).digest(), None, None),
        (2, None, None, len(raw), hashlib.sha256(raw).digest()),
    ]
