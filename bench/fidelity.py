"""What Convoy and pgloader make of real databases: the table of docs/fidelity.md.

``python -m bench.fidelity FOLDER`` migrates every SQLite file below FOLDER with both, on a PostgreSQL of its own, and
lets bench/judge.py compare the rows. pgloader is installed with apt-get where this runs as root and it is not there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.judge import Verdict, judge
from producer.embedded.embedded_postgres import EmbeddedPostgres

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "fidelity.md"
START: Final = "<!-- real databases: written by bench/fidelity.py -->"
END: Final = "<!-- end of real databases -->"
_MAGIC: Final = b"SQLite format 3\0"
_LONGEST_CELL: Final = 110
_ESCAPED: Final = re.compile(r"([|<>*_`])")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one tool did with one database. `status` is its exit status; None: killed after the time limit."""

    status: int | None
    seconds: float
    verdict: Verdict
    quarantined: int = 0
    why: str = ""
    skipped: str = ""
    said: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every row of every table is equal."""
        return (
            self.verdict.rows_equal == self.verdict.rows and self.verdict.tables_whole == self.verdict.tables
        )


def main() -> int:
    """Run the comparison and write the page; 0 if Convoy lost nothing silently."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of SQLite databases; only read")
    parser.add_argument("--page", type=Path, default=PAGE, help="Markdown file to write the table into")
    parser.add_argument("--only", default="", help="only files whose path holds this text")
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of pgloader for one database")
    parser.add_argument("--without-pgloader", action="store_true")
    asked = parser.parse_args()
    files = [path for path in sorted(asked.folder.rglob("*")) if _is_sqlite(path) and asked.only in str(path)]
    pgloader = None if asked.without_pgloader else find_pgloader()
    results: list[tuple[str, Attempt, Attempt | None]] = []
    with tempfile.TemporaryDirectory(prefix="convoy-fidelity-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        server.start()
        try:
            for path in files:
                name = str(path.relative_to(asked.folder))
                with _copy(path, Path(folder)) as source:
                    ours = run_convoy(source, server, Path(folder))
                    theirs = run_pgloader(source, server, pgloader, asked.seconds) if pgloader else None
                results.append((name, ours, theirs))
                print(
                    f"{name}: {_short(ours)}; pgloader: {_short(theirs) if theirs else 'not there'}",
                    flush=True,
                )
        finally:
            server.stop()
    if not asked.only:
        write_page(asked.page, results, _version(pgloader) if pgloader else "")
    return int(any(_is_silent_loss(ours) for _, ours, _ in results))


def find_pgloader() -> str | None:
    """Return pgloader's path; install Debian's package where that is possible, else say what to do."""
    if shutil.which("pgloader") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-y", "--no-install-recommends", "pgloader"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(install, check=False, env=environment, stdout=subprocess.DEVNULL)
    found = shutil.which("pgloader")
    if found is None:
        print("pgloader is left out: it is not installed, and only root can (apt-get install pgloader)")
    return found


def run_convoy(source: Path, server: EmbeddedPostgres, folder: Path) -> Attempt:
    """Migrate with the command line, as a user would."""
    url = _fresh_database(server, "convoy_result")
    report_folder = folder / "report"
    shutil.rmtree(report_folder, ignore_errors=True)
    command = [str(Path(sys.executable).with_name("migration-cli")), "migrate", "--source", str(source)]
    command += ["--target-url", url, "--report", str(report_folder), "--workers", "2"]
    started = time.monotonic()
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "MIGRATION_SNAPSHOT_DIR": str(folder / "snapshots")},
    )
    seconds = time.monotonic() - started
    try:
        report: dict[str, Any] = json.loads((report_folder / "report.json").read_bytes())
    except FileNotFoundError:
        report = {"tables": [], "objects": [], "quarantine": {"total": 0, "by_reason": {}}}
    names = {table["name"]: table["target_table"] for table in report["tables"]}
    skipped = Counter(
        (item["kind"], item["reason"])
        for item in report["objects"]
        if item["state"] == "skipped" and item["kind"] != "shadow"
    )
    reasons = report["quarantine"]["by_reason"]
    return Attempt(
        done.returncode,
        seconds,
        judge(source, url, names),
        report["quarantine"]["total"],
        "; ".join(f"{reason} ({count:,})" for reason, count in reasons.items()),
        "; ".join(f"{number} {kind}: {reason}" for (kind, reason), number in skipped.items()),
        done.stderr.strip().rpartition("\n")[2],
    )


def run_pgloader(source: Path, server: EmbeddedPostgres, program: str, limit_seconds: float) -> Attempt:
    """Migrate with pgloader's own defaults; it is killed when it does not end, since it may not hear SIGTERM."""
    url = _fresh_database(server, "pgloader_result")
    socket = url.partition("host=")[2].partition("&")[0].replace("%2F", "/")
    target = f"postgresql://postgres@unix:{socket}:5432/pgloader_result"
    command = [program, "--root-dir", str(source.parent), f"sqlite://{source}", target]
    started = time.monotonic()
    status: int | None
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=limit_seconds)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        status = None
    seconds = time.monotonic() - started
    errors = [line for line in said.splitlines() if " ERROR " in line or " FATAL " in line]
    first = re.sub(r"^\S+ (ERROR|FATAL) ", "", errors[0]) if errors else ""
    return Attempt(status, seconds, judge(source, url, {}), said=first)


def write_page(page: Path, results: list[tuple[str, Attempt, Attempt | None]], version: str) -> None:
    """Put the table between its two marks, and leave the rest of the page as it is."""
    lines = [START, "", *_summary(results, version), ""]
    lines += [
        (
            "| database | tables | rows | Convoy: rows equal | quarantined, and why | skipped, and why |"
            " pgloader: rows equal | status | what is different |"
        ),
        "|---|--:|--:|--:|---|---|--:|---|---|",
    ]
    for name, ours, theirs in results:
        verdict = ours.verdict
        cells = [
            name,
            f"{verdict.tables:,}",
            f"{verdict.rows:,}",
            f"{verdict.rows_equal:,}",
            f"{ours.quarantined:,}: {ours.why}" if ours.quarantined else "",
            ours.skipped,
        ]
        if theirs is None:
            cells += ["", "", ""]
        else:
            status = "hung, killed" if theirs.status is None else str(theirs.status)
            cells += [f"{theirs.verdict.rows_equal:,}", status, "; ".join(theirs.verdict.problems) or ""]
        lines.append("| " + " | ".join(map(_cell, cells)) + " |")
    lines += ["", END]
    text = page.read_text(encoding="utf-8") if page.exists() else f"# Fidelity\n\n{START}\n{END}\n"
    if START not in text:
        text += f"\n## Real databases\n\n{START}\n{END}\n"
    before, _, rest = text.partition(START)
    page.write_text(before + "\n".join(lines) + rest.partition(END)[2], encoding="utf-8")


def _summary(results: list[tuple[str, Attempt, Attempt | None]], version: str) -> list[str]:
    ours = [attempt for _, attempt, _ in results]
    rows = sum(attempt.verdict.rows for attempt in ours)
    tables = sum(attempt.verdict.tables for attempt in ours)
    lines = [
        (
            f"{len(results)} databases, {tables:,} tables, {rows:,} rows. *Equal* is the word of bench/judge.py, which"
            " reads both databases itself and knows of PostgreSQL only names and types."
        ),
        "",
        "| | databases whole | tables whole | rows equal | rows quarantined | silently different | hung or crashed |",
        "|---|--:|--:|--:|--:|--:|--:|",
        _score("Convoy", ours),
    ]
    theirs = [attempt for _, _, attempt in results if attempt is not None]
    if theirs:
        lines.append(_score(version, theirs))
        lines += [
            "",
            (
                "*Silently different*: ended with status 0, and not all rows are equal. *Whole*: every row of every"
                " ordinary table is there and equal; virtual tables and what is stored for them do not count."
            ),
        ]
    return lines


def _score(name: str, attempts: list[Attempt]) -> str:
    quarantined = sum(attempt.quarantined for attempt in attempts)
    cells = [
        name,
        f"{sum(attempt.is_whole for attempt in attempts)}",
        f"{sum(attempt.verdict.tables_whole for attempt in attempts):,}",
        f"{sum(attempt.verdict.rows_equal for attempt in attempts):,}",
        f"{quarantined:,}",
        f"{sum(_is_silent_loss(attempt) for attempt in attempts)}",
        f"{sum(attempt.status is None or attempt.status not in (0, 1, 2) for attempt in attempts)}",
    ]
    return "| " + " | ".join(cells) + " |"


def _is_silent_loss(attempt: Attempt) -> bool:
    """Whether rows are neither equal nor in quarantine, and the exit status does not say so."""
    lost = attempt.verdict.rows - attempt.verdict.rows_equal - attempt.quarantined
    return attempt.status in (0, 1) and (lost != 0 or (attempt.status == 0 and not attempt.is_whole))


def _short(attempt: Attempt) -> str:
    verdict = attempt.verdict
    status = "killed" if attempt.status is None else f"status {attempt.status}"
    quarantined = f", {attempt.quarantined:,} quarantined" if attempt.quarantined else ""
    return f"{status}, {verdict.rows_equal:,} of {verdict.rows:,} rows{quarantined}, {attempt.seconds:.1f} s"


def _cell(text: str) -> str:
    flat = " ".join(text.split())
    flat = flat if len(flat) <= _LONGEST_CELL else flat[: _LONGEST_CELL - 1] + "…"
    return _ESCAPED.sub(r"\\\1", flat)


def _is_sqlite(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


@contextlib.contextmanager
def _copy(path: Path, folder: Path) -> Iterator[Path]:
    """Lend a copy under a name that pgloader takes for SQLite; the original is only read."""
    copy = folder / "source" / "source.db"
    copy.parent.mkdir()
    shutil.copyfile(path, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy.parent)


def _fresh_database(server: EmbeddedPostgres, name: str) -> str:
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
    return server.url.replace("/postgres?", f"/{name}?", 1)


def _version(program: str) -> str:
    said = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    found = re.search(r'"([^"]+)"', said)
    return f"pgloader {found[1].partition('~')[0]}" if found else "pgloader"


if __name__ == "__main__":
    sys.exit(main())
