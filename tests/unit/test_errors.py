from __future__ import annotations

import pickle
from typing import get_type_hints

import pytest

from migration import errors
from migration.error_record import error_classes, error_from_record, error_record
from migration.errors import NextStep, Place, place_parts

ALL = [
    item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.ConvoyError)
]
EVERYWHERE: Place = {
    name: 3 if kind is int else f"a {name}"  # type: ignore[misc]
    for name, kind in get_type_hints(Place).items()
}
STEPS = (NextStep("Make room", "rm -r old"), NextStep("Go on", "migration-cli resume 0198"))


@pytest.mark.parametrize("error_type", ALL, ids=lambda item: item.__name__)
def test_error_survives_pickling(error_type: type[errors.ConvoyError]) -> None:
    error = error_type("The disk is full", remedy="Make room", chunk=3)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is error_type
    assert str(copy) == "The disk is full (chunk 3). Make room."


@pytest.mark.parametrize("error_type", ALL, ids=lambda item: item.__name__)
def test_every_field_survives_pickling_and_the_ledger(error_type: type[errors.ConvoyError]) -> None:
    error = error_type("Full", remedy="Make room", details="A log", next_steps=STEPS, **EVERYWHERE)
    for copy in (pickle.loads(pickle.dumps(error)), error_from_record(error_record(error))):
        assert type(copy) is error_type
        assert (copy.code, copy.exit_status) == (error_type.code, error_type.exit_status)
        assert (copy.what, copy.remedy, copy.details) == ("Full", "Make room", "A log")
        assert copy.next_steps == STEPS
        assert copy.place == EVERYWHERE
        assert str(copy) == str(error)


def test_an_exit_status_of_its_own_survives_pickling() -> None:
    error = errors.TargetOccupiedError("x")
    error.exit_status = errors.ExitStatus.FAILED
    assert pickle.loads(pickle.dumps(error)).exit_status == 3


@pytest.mark.parametrize(
    ("error_type", "status"),
    [(errors.UsageError, 2), (errors.TargetOccupiedError, 2), (errors.PermanentError, 3)],
)
def test_error_knows_its_exit_status(error_type: type[errors.ConvoyError], status: int) -> None:
    assert error_type("x").exit_status == status


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in ALL]
    assert len(set(codes)) == len(codes)
    assert all("code" in vars(kind) for kind in ALL)
    assert all(set(code) <= set("abcdefghijklmnopqrstuvwxyz-") for code in codes)
    assert set(error_classes()) == set(ALL), "errors are defined in migration/errors.py alone"


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
