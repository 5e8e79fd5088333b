from __future__ import annotations

from pathlib import Path

from producer.embedded.log_folder import KEPT, LogFolder


def ended_clusters(parent: Path, number: int) -> list[Path]:
    made = []
    for index in range(number):
        folder = parent / f"20240101-0000{index:02d}-1"
        folder.mkdir(parents=True)
        (folder / "producer.log").write_text("ended", encoding="utf-8")
        made.append(folder)
    return made


def test_logs_of_long_ago_go(tmp_path: Path) -> None:
    old = ended_clusters(tmp_path, KEPT + 3)
    new = LogFolder(tmp_path)
    assert [folder.exists() for folder in old] == [False] * 4 + [True] * (KEPT - 1)
    assert new.path.is_dir()


def test_logs_of_a_cluster_that_runs_stay_however_many_commands_come_after_it(tmp_path: Path) -> None:
    running = LogFolder(tmp_path)
    first = running.path.rename(tmp_path / "20230101-000000-1")  # long ago
    ended_clusters(tmp_path, KEPT + 3)
    LogFolder(tmp_path).release()
    assert first.is_dir()
    running.release()
    LogFolder(tmp_path).release()
    assert not first.exists()


def test_what_others_have_put_there_stays(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    ended_clusters(tmp_path, KEPT + 3)
    LogFolder(tmp_path)
    assert (tmp_path / "notes").is_dir()
