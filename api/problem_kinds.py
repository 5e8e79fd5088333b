"""Every problem that the API answers with: a closed list of names, each with HTTP status and the codes it may carry.

docs/errors.json and the tables of docs/errors.md and docs/http.md are held to it, so what a program reads there is what
it will meet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from migration.convoy_error import ConvoyError
from migration.errors import (
    BrokerError,
    RetryableError,
    RunStateError,
    SourceError,
    TargetError,
    TargetUnreachableError,
    UnknownRunError,
    UsageError,
)
from migration.evidence_errors import RunPurgedError


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """The last part of a problem's `type` URN, and what always goes with it."""

    name: str
    status: HTTPStatus
    code: str
    """What its `code` is where no error of the domain stands behind it."""


_BY_ERROR: Final[tuple[tuple[type[ConvoyError], ProblemKind], ...]] = tuple(
    (error_type, ProblemKind(name, status, error_type.code))
    for error_type, name, status in (
        (TargetUnreachableError, "ledger-unreachable", HTTPStatus.SERVICE_UNAVAILABLE),
        (BrokerError, "broker-unreachable", HTTPStatus.SERVICE_UNAVAILABLE),
        (RetryableError, "try-again", HTTPStatus.SERVICE_UNAVAILABLE),
        (UnknownRunError, "run-not-found", HTTPStatus.NOT_FOUND),
        (RunStateError, "run-not-finished", HTTPStatus.CONFLICT),
        (RunPurgedError, "rollback-refused", HTTPStatus.CONFLICT),
        (UsageError, "invalid-request", HTTPStatus.UNPROCESSABLE_ENTITY),
        (SourceError, "invalid-source", HTTPStatus.UNPROCESSABLE_ENTITY),
        (TargetError, "target-conflict", HTTPStatus.CONFLICT),
        (ConvoyError, "internal", HTTPStatus.INTERNAL_SERVER_ERROR),
    )
)
"""The first class that fits decides; subclasses stand before their bases."""

ACT_REFUSALS: Final[Mapping[str, tuple[type[ConvoyError], ...]]] = {
    "cancel-refused": (RunStateError,),
    "cutover-refused": (RunStateError,),
    "pause-refused": (RunStateError,),
    "resume-refused": (RunStateError,),
    "rollback-refused": (RunStateError, RunPurgedError, TargetError),
}
"""Acts on a run (409): the errors that the problem of this name stands for, but for a target that cannot be reached."""

OWN_PROBLEMS: Final[Mapping[str, HTTPStatus]] = {
    "ambiguous-table": HTTPStatus.MULTIPLE_CHOICES,
    "bad-request": HTTPStatus.BAD_REQUEST,
    "busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "idempotency-key-reused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "method-not-allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "not-found": HTTPStatus.NOT_FOUND,
    "not-ready": HTTPStatus.SERVICE_UNAVAILABLE,
    "page-not-found": HTTPStatus.NOT_FOUND,
    "range-not-satisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "request-timeout": HTTPStatus.REQUEST_TIMEOUT,
    "scope-missing": HTTPStatus.FORBIDDEN,
    "snapshot-not-found": HTTPStatus.NOT_FOUND,
    "source-root-missing": HTTPStatus.SERVICE_UNAVAILABLE,
    "sources-disabled": HTTPStatus.FORBIDDEN,
    "table-not-found": HTTPStatus.NOT_FOUND,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too-slow": HTTPStatus.SERVICE_UNAVAILABLE,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "unsupported-media-type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
"""Problems of the API alone: their name is their code, too."""

OWN_RETRYABLE: Final = frozenset({"busy", "not-ready", "request-timeout", "too-slow"})
"""Those after which the same request may succeed."""

_KINDS: Final[Mapping[str, ProblemKind]] = {
    **{name: ProblemKind(name, status, name) for name, status in OWN_PROBLEMS.items()},
    **{name: ProblemKind(name, HTTPStatus.CONFLICT, errors[0].code) for name, errors in ACT_REFUSALS.items()},
    **{kind.name: kind for _, kind in reversed(_BY_ERROR) if kind.name not in ACT_REFUSALS},
}


def problem_kind(name: str) -> ProblemKind:
    """Return the problem of a name of the list.

    Raises:
        KeyError: it is on no list.
    """
    return _KINDS[name]


def kind_of(error_type: type[ConvoyError]) -> ProblemKind:
    """Return the problem that an error of the domain amounts to, where no act on a run was asked for."""
    return next(kind for known, kind in _BY_ERROR if issubclass(error_type, known))


def kinds_of(error_type: type[ConvoyError]) -> tuple[ProblemKind, ...]:
    """Return all problems that can carry the code of an error, the most common one first."""
    refusals = () if issubclass(error_type, TargetUnreachableError) else ACT_REFUSALS.items()
    acts = [_KINDS[name] for name, errors in refusals if issubclass(error_type, errors)]
    return tuple(dict.fromkeys([_KINDS[kind_of(error_type).name], *acts]))
