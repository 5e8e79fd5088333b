"""A folder, a shell and a database in which the blocks of a document are executed one after the other."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.support.documentation import (
    CHECKED_OTHERWISE,
    EXECUTED,
    ROOT,
    Block,
    Command,
    blocks_of,
    commands_of,
    page_name,
)

PATIENCE_SECONDS = 120
STOP_SECONDS = 30
MARK = "CONVOY_DOCUMENTATION"
FOREIGN = ("MIGRATION_", "FLOWER_", "PG", "PYTEST_", "MAKE", "MFLAGS", "WORKER", "COV_")
RUN_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class Script:
    """What the page of a reader has and its text cannot bring along; commands are named without their comments."""

    placeholders: Mapping[str, str] = field(default_factory=dict)
    """Word of the page → what it is here. RUN needs no entry: it is the newest run that was printed."""
    before: Mapping[str, Callable[[Scenario], None]] = field(default_factory=dict)
    """Command → what has happened to the reader who types it."""
    statuses: Mapping[str, int] = field(default_factory=dict)
    """Command → its exit status, where that is not 0."""
    serves: Mapping[str, Callable[[Scenario], bool]] = field(default_factory=dict)
    """Command that runs until it is stopped → whether it is ready."""

    def names(self) -> set[str]:
        """All that has to be on the page."""
        return {*self.placeholders, *self.before, *self.statuses, *self.serves}


class Scenario:
    """Executes blocks in a folder that looks like the checkout; settings and run ids stay from block to block."""

    def __init__(self, folder: Path, target: str, **environment: str) -> None:
        self.folder = folder
        self.target = target
        self.run_id = ""
        self._served: list[subprocess.Popen[bytes]] = []
        self._output = ""
        for entry in ROOT.iterdir():
            if not entry.name.startswith(".") or entry.name == ".env.example":  # no caches, no settings
                (folder / entry.name).symlink_to(entry)
        (folder / ".venv").symlink_to(sys.prefix)
        (folder / ".curlrc").write_text("fail\n", encoding="utf-8")  # an error of HTTP is one of the command
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self._fresh = inherited | {
            "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}",
            "COLUMNS": "250",
            "CURL_HOME": str(folder),
            "NO_PROXY": "127.0.0.1",
            MARK: str(folder),
            **environment,
        }
        self.environment = dict(self._fresh)

    def new_shell(self) -> None:
        """Forget what was exported."""
        self.environment = dict(self._fresh)

    def play(self, page: Path, script: Script) -> None:
        """Execute all blocks of a page in order."""
        text = page.read_text(encoding="utf-8")
        assert [name for name in script.names() if name not in text] == [], "no longer on the page"
        for block in blocks_of(page):
            if block.file_name is not None:
                (self.folder / block.file_name).write_text(block.text, encoding="utf-8")
            elif block.is_answer:
                same_fields(json.loads(block.text), json.loads(self._output), block.place)
            elif block.kind == "sql":
                self._query(self._filled(block.text, script), block.place)
            elif block.kind in EXECUTED:
                for command in commands_of(block):
                    if (page_name(page), command.bare) not in CHECKED_OTHERWISE:
                        self._execute(command, script, block)

    def shell(self, command: str) -> tuple[int, str, str]:
        """Execute one command line; what it exports is there for the next one. Returns status, stdout and stderr."""
        kept = self.folder / ".environment"
        process = subprocess.Popen(
            ["/usr/bin/env", "bash", "-c", f'{command}\nstatus=$?\nenv -0 > "{kept}"\nexit $status'],
            cwd=self.folder,
            env=self.environment | ({"RUN": self.run_id} if self.run_id else {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"{command} hangs:\n{out}\n{err}") from None
        pairs = (line.split("=", 1) for line in kept.read_text(encoding="utf-8").split("\0") if line)
        self.environment = {name: value for name, value in pairs if name not in {"_", "RUN", "SHLVL", "PWD"}}
        self.run_id = max([self.run_id, *RUN_ID.findall(out + err)])  # UUIDv7: the newest is the largest
        return process.returncode, out, err

    def close(self) -> None:
        """Stop what serves, and every process that was started here and is left."""
        for process in reversed(self._served):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if not self._served:
            return
        for left in psutil.process_iter():
            try:
                if left.environ().get(MARK) == str(self.folder):
                    left.kill()
            except psutil.Error:
                continue

    def is_serving(self) -> bool:
        """Whether something was started to serve, and all of it still runs."""
        return bool(self._served) and all(process.poll() is None for process in self._served)

    def log(self) -> str:
        """The end of what the servers have said."""
        return "\n".join(
            path.read_text(errors="replace")[-5000:] for path in self.folder.glob("serves-*.log")
        )

    def _execute(self, command: Command, script: Script, block: Block) -> None:
        script.before.get(command.bare, lambda _: None)(self)
        filled = self._filled(command.text, script)
        if command.bare in script.serves:
            self._serve(filled, command, script, block)
            return
        status, out, err = self.shell(filled)
        where = f"{block.place}: {command.text}\n{out}\n{err}"
        assert status == script.statuses.get(command.bare, 0), f"status {status} of {where}"
        self._output = out
        left = [line.strip() for line in out.splitlines()]
        for line in filter(str.strip, command.output):
            pattern = ".*".join(re.escape(part) for part in self._filled(line.strip(), script).split("…"))
            found = next((place for place, said in enumerate(left) if re.fullmatch(pattern, said)), None)
            assert found is not None, f"{line!r} is not printed by {where}"
            left = left[found + 1 :]

    def _serve(self, filled: str, command: Command, script: Script, block: Block) -> None:
        path = self.folder / f"serves-{len(self._served)}.log"
        with path.open("wb") as log:
            self._served.append(
                subprocess.Popen(
                    ["/usr/bin/env", "bash", "-c", f"exec {filled}"],
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            )
        assert script.serves[command.bare](self), f"{block.place}: {command.text} is not ready:\n{self.log()}"

    def _query(self, statement: str, place: str) -> None:
        with psycopg.connect(self.target) as connection:
            cursor = connection.execute(statement.encode())
            finds = cursor.description is None or cursor.fetchall()  # a statement such as GRANT has no rows
        assert finds, f"{place}: the query finds nothing"

    def _filled(self, text: str, script: Script) -> str:
        names = {"RUN": self.run_id, **script.placeholders}
        for name in sorted(names, key=len, reverse=True):
            whole = re.compile(rf"(?<![\w$/.-]){re.escape(name)}(?![\w-])")
            if name == "RUN" and whole.search(text):
                assert self.run_id, f"no run yet: {text}"
            text = whole.sub(lambda _, name=name: names[name], text)
        return text


def same_fields(shown: Any, real: Any, where: str) -> None:
    """Make sure that an answer has the fields that the document shows; with `…` as a field it may have more."""
    if isinstance(shown, dict):
        assert isinstance(real, dict), f"{where}: {real!r}"
        told = shown.keys() - {"…"}
        assert told <= real.keys(), f"{where}: no field {sorted(told - real.keys())}"
        assert "…" in shown or told == real.keys(), f"{where}: not shown: {sorted(real.keys() - told)}"
        for name in told:
            same_fields(shown[name], real[name], f"{where}, {name}")
    elif isinstance(shown, list):
        assert isinstance(real, list), f"{where}: {real!r}"
        if shown and real:
            same_fields(shown[0], real[0], where)
    elif shown is not None and real is not None:
        numbers = (int, float)
        alike = type(shown) is type(real) or (isinstance(shown, numbers) and isinstance(real, numbers))
        assert alike, f"{where}: shown {shown!r}, is {real!r}"
