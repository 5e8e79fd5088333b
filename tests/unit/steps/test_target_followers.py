"""What a process has for each target begins, ends and begins anew with the file."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from migration.named_targets import NamedTargets
from migration.settings import Settings
from migration.steps import target_followers
from migration.steps.target_followers import TargetFollowers

PATIENCE_SECONDS = 20


class Recorded:
    """A follower that says what becomes of it."""

    def __init__(self, log: list[str], name: str) -> None:
        self._log, self._name = log, name

    def start(self) -> None:
        self._log.append(f"+{self._name}")

    def stop(self) -> None:
        self._log.append(f"-{self._name}")


def followers_of(file: Path | None) -> tuple[TargetFollowers, list[str]]:
    log: list[str] = []
    settings = Settings(target_url="postgresql://me@h/d", targets_file=file, _env_file=None)  # type: ignore[arg-type]

    def make(name: str, own: Settings) -> Recorded:
        assert own.target_url is not None
        return Recorded(log, f"{name} {own.target_url.get_secret_value()}")

    return TargetFollowers(NamedTargets(settings), make), log


def await_log(log: list[str], *expected: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while sorted(log) != sorted(expected):
        assert time.monotonic() < deadline, log
        time.sleep(0.01)


def test_without_a_file_there_is_one_and_no_thread_looks() -> None:
    followers, log = followers_of(None)
    threads = threading.active_count()
    followers.start()
    assert (log, threading.active_count()) == (["+ postgresql://me@h/d"], threads)
    followers.stop()
    assert log == ["+ postgresql://me@h/d", "- postgresql://me@h/d"]


def test_they_follow_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_followers, "_LOOK_SECONDS", 0.01)
    file = tmp_path / "targets.toml"
    file.write_text('[shop]\nurl = "postgresql://a@h/s"\n')
    followers, log = followers_of(file)
    seen = ["+ postgresql://me@h/d", "+shop postgresql://a@h/s"]
    followers.start()
    await_log(log, *seen)

    file.write_text('[shop]\nurl = "postgresql://another@h/s"\n[crm]\nurl = "postgresql://a@h/c"\n')
    seen += ["-shop postgresql://a@h/s", "+shop postgresql://another@h/s", "+crm postgresql://a@h/c"]
    await_log(log, *seen)

    file.write_text("[shop")  # whoever edits it is not done: what runs goes on
    time.sleep(0.1)
    assert sorted(log) == sorted(seen)

    file.write_text('[crm]\nurl = "postgresql://a@h/c"\n')
    seen += ["-shop postgresql://another@h/s"]
    await_log(log, *seen)

    followers.stop()
    await_log(log, *seen, "- postgresql://me@h/d", "-crm postgresql://a@h/c")
