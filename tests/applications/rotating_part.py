"""Which applications are tried today: the part of `make apps-part`, whose groups follow each other day by day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from tests.applications.application_environments import Environment, read_environments

MOST_MINUTES = 5.0
"""Of one part, with environments that have to be built first; one that alone takes more is a part for itself."""


def parts(environments: Iterable[Environment]) -> list[list[Environment]]:
    """Divide environments: the longest first, each into the first part that has room for it."""
    found: list[list[Environment]] = []
    for one in sorted(environments, key=lambda one: (-one.minutes, one.name)):
        for part in found:
            if sum(other.minutes for other in part) + one.minutes <= MOST_MINUTES:
                part.append(one)
                break
        else:
            found.append([one])
    return found


def part_of(day: date, environments: Iterable[Environment]) -> list[Environment]:
    """Return the part of a day; each is tried once in as many days as there are parts."""
    divided = parts(environments)
    return divided[day.toordinal() % len(divided)]


if __name__ == "__main__":
    for environment in part_of(datetime.now(UTC).date(), read_environments().values()):
        print(environment.test.relative_to(environment.test.parents[2]))  # noqa: T201
