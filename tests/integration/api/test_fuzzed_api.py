"""Schemathesis, with all of its checks, finds nothing: what OpenAPI allows is taken, all else is refused as it says.

`make fuzz-api` is the long form.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import update

from migration.ledger.ledger_tables import runs
from migration.model import Phase
from tests.integration.api.conftest import RunningApi
from tests.support.api import TOKEN

PROJECT = Path(__file__).resolve().parents[3]
V1 = "/api/v1/migration"
# An active run's events have no end: each run of the ledger is at one, so that no request lasts.
ENDS = (Phase.COMPLETED, Phase.FAILED, Phase.CANCELLED)


def ended_runs(api: RunningApi) -> list[str]:
    ids = []
    for phase in ENDS:
        answer = api.client.post(f"{V1}/start", json={"sources": ["school.db"]})
        ids.append(answer.json()["run_id"])
        with api.engine.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == ids[-1]).values(phase=phase.value))
    return ids


def test_schemathesis_finds_nothing(api: RunningApi, tmp_path: Path) -> None:
    examples = os.environ.get("CONVOY_FUZZ_EXAMPLES", "3")
    known = ended_runs(api)[0]
    config = (PROJECT / "schemathesis.toml").read_text(encoding="utf-8")
    (tmp_path / "schemathesis.toml").write_text(f'{config}\n[parameters]\n"path.id" = "{known}"\n')
    found = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{api.url}/openapi.json"),
            *(
                "-H",
                f"Authorization: Bearer {TOKEN}",
                "--checks",
                "all",
                "--phases",
                "examples,coverage,fuzzing",
            ),
            *("--max-examples", examples, "--request-timeout", "30", "--no-color", "--workers", "2"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_800,
    )
    assert "Selected:" in found.stdout, found.stdout + found.stderr
    assert found.returncode == 0, found.stdout[:9_000]
