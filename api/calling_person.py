"""Who calls the API, as the log of a run is to name them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.required_scopes import caller_of
from migration.ledger.run_acts import Person


def calling_person(request: Request) -> Person:
    """Return the caller: the name of the token that they show, and where they call from."""
    host = request.client.host if request.client else "an unknown host"
    return Person(f"token {caller_of(request).name}", host)


CallerDep = Annotated[Person, Depends(calling_person)]
