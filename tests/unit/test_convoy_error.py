from __future__ import annotations

from typing import get_type_hints

import pytest

from migration import errors
from migration.convoy_error import NextStep, Place, place_parts
from migration.errors import UsageError

EVERYWHERE: Place = {
    name: 3 if kind is int else f"a {name}"  # type: ignore[misc]
    for name, kind in get_type_hints(Place).items()
}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ({}, ""),
        ({"run": "0198", "phase": "copying", "step": 7}, "run 0198, copying, step 7"),
        ({"table": "orders", "key": "17", "column": "paid_at"}, "table orders, key 17, column paid_at"),
        ({"column": "a", "chunk": 0, "table": "t"}, "table t, chunk 0, column a"),
        ({"schema": "public"}, "schema public"),
        ({"schema": "public", "table": "t"}, "table public.t"),
        ({"source": "app", "file": "/srv/app.db"}, "source app: /srv/app.db"),
        ({"source": "app", "table": "t"}, "source app, table t"),
        ({"mapping": "m.toml", "source": "app", "table": "t"}, "m.toml, source app, table t"),
        ({"setting": "--write-mapping", "file": "m.toml"}, "--write-mapping m.toml"),
        ({"setting": "--source", "source": "app"}, "--source, source app"),
        ({"database": "shop", "server": "db:5432"}, "database shop on db:5432"),
        ({"database": "shop"}, "database shop"),
        ({"server": "service shop"}, "database of the service or user on service shop"),
        ({"broker": "redis://db"}, "redis://db"),
        ({"object_kind": "index", "object": "by_day", "table": "t"}, "index by_day of table t"),
        ({"object_kind": "type", "object": "uuid"}, "type uuid"),
        ({"process": "worker", "file": "worker.log"}, "worker.log, worker"),
    ],
)
def test_a_place_reads_as_people_say_it(place: Place, words: str) -> None:
    assert ", ".join(place_parts(place)) == words


def test_a_place_names_every_field() -> None:
    assert all(str(value) in ", ".join(place_parts(EVERYWHERE)) for value in EVERYWHERE.values())


def test_a_place_that_the_sentence_names_is_not_said_twice() -> None:
    error = errors.UsageError("--batch-size must be at least 1", setting="--batch-size")
    assert str(error) == "--batch-size must be at least 1."
    assert error.place == {"setting": "--batch-size"}
    error = errors.UsageError("The schema app is not for users' tables", schema="app")
    assert str(error) == "The schema app is not for users' tables."
    error = errors.UsageError("The schema apps is not for users' tables", schema="app")
    assert str(error) == "The schema apps is not for users' tables (schema app)."


def test_details_stand_last_and_empty_parts_nowhere() -> None:
    error = errors.LocalClusterError("It died", file="a.log", details="The end of its log:\nbye")
    assert str(error) == "It died (a.log). The end of its log:\nbye."
    assert str(errors.UsageError("No source is named")) == "No source is named."
    assert errors.UsageError("x", column="", table="t").place == {"table": "t"}


def test_a_place_in_prose_is_no_argument() -> None:
    with pytest.raises(TypeError):
        errors.UsageError("x", "table t")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="no field where"):
        errors.UsageError("x", where="table t")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("steps", "commands"),
    [
        ((), ["migration-cli resume 1"]),
        ((NextStep("Go on", "migration-cli resume 1"),), ["migration-cli resume 1"]),
        # A remedy may name the target, which the step gets where it is shown
        ((NextStep("Go on", "migration-cli resume"),), ["migration-cli resume"]),
        (
            (NextStep("Give it up", "migration-cli cancel 1"),),
            ["migration-cli cancel 1", "migration-cli resume 1"],
        ),
    ],
)
def test_commands_of_the_remedy_are_always_next_steps(
    steps: tuple[NextStep, ...], commands: list[str]
) -> None:
    error = UsageError("x", remedy="Go on with `migration-cli resume 1`", next_steps=steps)
    assert [step.command for step in error.next_steps] == commands
