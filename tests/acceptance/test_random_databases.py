"""Random databases arrive whole, or the run says exactly what did not: a small share of what bench/fuzz.py does."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.support.chance import RandomDatabase, databases, options_for
from tests.support.direct import Direct, quiet_steps
from tests.support.proof import prove

DATABASES = 40


def test_random_databases_arrive_whole(direct: Direct, tmp_path: Path) -> None:
    numbers = itertools.count()

    @seed(20_260_101)
    @settings(
        max_examples=DATABASES,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(databases())
    def arrives(database: RandomDatabase) -> None:
        number = next(numbers)
        path = database.build(tmp_path / f"random{number}.db")
        run = direct.migrate(
            path,
            target_schema=f"random {number}",
            **options_for(number),
        )
        problems = prove(path, direct.url, direct.ledger, run)
        direct.forget(run)
        assert problems == []

    with quiet_steps():
        arrives()
    assert next(numbers) >= DATABASES
