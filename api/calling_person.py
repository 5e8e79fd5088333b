"""Who calls the API, as the log of a run is to name them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from migration.ledger.run_acts import Person


def calling_person(request: Request) -> Person:
    """Return the caller: who holds the token has no name, so it is where they call from that counts."""
    return Person("a caller of the API", request.client.host if request.client else "an unknown host")


CallerDep = Annotated[Person, Depends(calling_person)]
