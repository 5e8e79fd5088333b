"""All places where runs leave something: one list of what lies there, and the removal of what nobody needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.settings import Settings
from migration.steps.leftovers.leftover_record import Leftover, LeftoverPlace
from migration.steps.leftovers.leftover_reports import LeftoverReports
from migration.steps.leftovers.leftover_schemas import LeftoverSchemas
from migration.steps.leftovers.leftover_snapshots import LeftoverSnapshots
from migration.steps.leftovers.leftover_stage_objects import LeftoverStageObjects
from migration.target.postgres_errors import translate


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of something that nobody needed. `in_the_way` is empty where it is gone."""

    leftover: Leftover
    in_the_way: tuple[str, ...]


def leftover_places(
    engine: Engine, settings: Settings, *, with_replaced: bool = False
) -> tuple[LeftoverPlace, ...]:
    """Return the places where the runs of a ledger leave something; a further one is an entry here."""
    return (
        LeftoverSchemas(engine, with_replaced=with_replaced),
        LeftoverSnapshots(engine, settings.snapshot_dir.absolute(), settings.snapshot_retention_hours),
        LeftoverStageObjects(engine, settings),
        LeftoverReports(settings.report_dir.absolute()),
    )


def find_leftovers(places: Sequence[LeftoverPlace]) -> list[tuple[LeftoverPlace, Leftover]]:
    """Return all that lies in the places, needed or not, each with its place.

    Raises:
        ConvoyError: a place cannot be looked at.
    """
    try:
        return [(place, leftover) for place in places for leftover in place.find()]
    except DBAPIError as error:
        raise translate(error) from error


def remove_leftovers(found: Sequence[tuple[LeftoverPlace, Leftover]]) -> Iterator[Removal]:
    """Remove what nobody needs, one by one; each place looks again before. One that fails stops no other."""
    for place, leftover in found:
        if leftover.is_needed:
            continue
        try:
            yield Removal(leftover, tuple(place.remove(leftover)))
        except (ConvoyError, DBAPIError) as error:
            yield Removal(leftover, (str(translate(error)),))
