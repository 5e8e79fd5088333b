"""An application that has a database in WAL mode open, one statement at a time."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

TABLE = "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, filler BLOB);"
ROWS = [(n, f"row {n}", b"f" * 300) for n in range(1, 2001)]
INSERT = "INSERT INTO t(name, filler) VALUES ('new', zeroblob(300))"
UPDATE = "UPDATE t SET name = 'changed'"


class Application:
    """A process that has a database open and does one statement at a time."""

    CODE = (
        "c = sqlite3.connect(path, isolation_level=None, timeout=0)\n"
        "c.execute('PRAGMA journal_mode = WAL'); c.execute('PRAGMA wal_autocheckpoint = 0')\n"
        "print('ready', flush=True)\n"
        "for line in iter(sys.stdin.readline, 'end\\n'): print(c.execute(line).fetchall(), flush=True)\n"
        "c.close(); print('closed', flush=True)\n"
    )

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def do(self, *statements: str) -> str:
        answer = ""
        for statement in statements:
            self.process.stdin.write(statement + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            assert answer, statement
        return answer

    def end(self) -> None:
        assert self.do("end") == "closed\n"
        self.process.wait()


def sums(path: Path) -> dict[str, str]:
    return {entry.name: hashlib.sha256(entry.read_bytes()).hexdigest() for entry in path.parent.iterdir()}
