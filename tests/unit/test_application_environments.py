"""The list of real applications: each has its test, and each has its turn."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.applications.application_environments import (
    KINDS,
    Environment,
    EnvironmentBrokenError,
    EnvironmentMissingError,
    RegistryUnreachableError,
    provide,
    read_environments,
    require,
    run_client,
)
from tests.applications.application_run import differences
from tests.applications.rotating_part import MOST_MINUTES, part_of, parts

ENVIRONMENTS = read_environments()
FAILS, SUCCEEDS = ([sys.executable, "-c", f"raise SystemExit({status})"] for status in (1, 0))


def line(name: str, minutes: float = 1.0, kind: str = "pip") -> Environment:
    return Environment(name, kind, ("a==1",), minutes)


@pytest.mark.parametrize("environment", ENVIRONMENTS.values(), ids=lambda environment: environment.name)
def test_each_environment_has_a_test_and_a_known_kind(environment: Environment) -> None:
    assert environment.test.exists()
    assert environment.kind in KINDS
    if environment.kind == "pip":
        assert all("==" in package for package in environment.packages)
        pinned = environment.pins.read_text(encoding="utf-8").lower().replace("_", "-")
        for package in environment.packages:
            name, version = package.lower().split("==")
            assert f"{name.split('[')[0]}=={version}".replace("_", "-") in pinned.splitlines()


def test_each_test_has_an_environment() -> None:
    folder = Path(__file__).parents[1] / "applications"
    assert {one.test for one in ENVIRONMENTS.values()} == set(folder.glob("test_*.py"))


def test_each_has_its_turn_in_as_many_days_as_there_are_parts() -> None:
    divided = parts(ENVIRONMENTS.values())
    first = date(2026, 1, 1)
    seen = [
        one.name
        for day in range(len(divided))
        for one in part_of(first + timedelta(days=day), ENVIRONMENTS.values())
    ]
    assert sorted(seen) == sorted(ENVIRONMENTS)
    assert all(len(part) == 1 or sum(one.minutes for one in part) <= MOST_MINUTES for part in divided)


def test_parts_are_filled_with_the_longest_first() -> None:
    divided = parts([line("a", 1), line("b", 4), line("c", 9), line("d", 2)])
    assert [[one.name for one in part] for part in divided] == [["c"], ["b", "a"], ["d"]]


def test_only_a_registry_that_does_not_answer_is_an_excuse() -> None:
    with pytest.raises(RegistryUnreachableError, match="does not answer"):
        run_client(line("a"), FAILS, FAILS)
    with pytest.raises(EnvironmentBrokenError):
        run_client(line("a"), FAILS, SUCCEEDS)
    assert run_client(line("a"), [sys.executable, "-c", "print(1)"], FAILS) == "1\n"
    with pytest.raises(EnvironmentMissingError, match="not on this machine"):
        require("no-such-client", line("a"))


def test_environment_that_is_whole_is_kept_and_another_one_is_built_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONVOY_APPLICATIONS", str(tmp_path / "kept"))
    built: list[Environment] = []
    monkeypatch.setitem(KINDS, "none", type(KINDS["pip"])(built.append))
    one, other = line("a", kind="none"), Environment("a", "none", ("a==2",), 1.0)
    assert provide(one) == provide(one) == tmp_path / "kept" / "a"
    assert built == [one]
    provide(other)
    assert built == [one, other]
    assert not one.is_whole()


def test_answers_differ_in_value_type_and_length() -> None:
    nan = float("nan")
    assert differences({"a": [1, {"b": nan}]}, {"a": [1, {"b": nan}]}) == []
    assert differences({"a": [1]}, {"a": [1.0]}) == [".a[0]: 1 and 1.0"]
    assert differences({"a": [1]}, {"a": [1, 2], "b": 0}) == [".b: only on one side", ".a: 1 and 2 long"]
