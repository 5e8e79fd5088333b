"""The route that tells the holder of a token what it is good for."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel

from api.required_scopes import NEEDS_READ, caller_of
from migration.ledger.access_tokens import AccessScope

router = APIRouter(prefix="/api/v1", tags=["token"])


class TokenFacts(BaseModel):
    """The token of the request."""

    name: str
    scopes: list[AccessScope]
    """All that it may do, the scopes that others include among them."""
    expires_at: datetime | None
    """None: it does not expire."""


@router.get("/token", dependencies=[NEEDS_READ])
def token(request: Request) -> TokenFacts:
    """Say which token the request shows, and what it may do."""
    caller = caller_of(request)
    return TokenFacts(name=caller.name, scopes=list(caller.scopes), expires_at=caller.expires_at)
