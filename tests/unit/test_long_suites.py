from __future__ import annotations

from pathlib import Path

from tests.support.long_suites import LONG_SUITES

ROOT = Path(__file__).parents[2]


def test_long_suites_are_files_that_there_are() -> None:
    assert not [path for path in LONG_SUITES if not (ROOT / path).is_file()]
