"""`status` offers `resume` for a failed run only where that helps."""

from __future__ import annotations

from pathlib import Path

from tests.support.shell import Shell, make_database


def test_run_that_would_fail_again_is_not_offered_to_resume(tmp_path: Path, target_url: str) -> None:
    shell = Shell(tmp_path, target_url)
    make_database(shell.folder / "shop.db")
    status, _, err = shell.run("migrate", "--source", "shop.db", "--tables", "nothing")
    assert status == 2, err
    ((run_id,),) = shell.query("SELECT id::text FROM convoy.runs")
    _, out, _ = shell.run("status", run_id)
    assert "Go on " not in out
    assert f"Or drop   migration-cli cancel {run_id}" in out
