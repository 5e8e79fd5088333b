"""Creating a run once: the ledger keeps the Idempotency-Key of the request that made it.

A client that lost the answer sends the request again with the same key and gets the same run
(draft-ietf-httpapi-idempotency-key-header). The keys last as long as the ledger, and are those of one target: the same
key for another target is another request. So whether a run is new depends on no server but its own.

Requests are told apart by what they say, and not by what it stands for at the time: the sources of a run may be gone,
or a folder hold others, when its client asks again.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Engine, select, text

from api.broker_waits import SILENCE
from api.cluster_connections import Cluster
from api.problem_documents import ProblemError
from api.request_models import RunRequest
from migration.errors import BrokerError, TargetBusyError
from migration.ledger.json_encoding import from_json
from migration.ledger.ledger_tables import runs
from migration.ledger.run_acts import Person
from migration.ledger.run_records import create_run
from migration.model import Mode, Phase
from migration.run_options import RunOptions

logger = logging.getLogger(__name__)

_TURN_SECONDS = 8.0


@contextmanager
def _key_lock(engine: Engine, turn: threading.Lock, key: str) -> Iterator[None]:
    # Threads of one process queue here, so that no more than one of them waits inside the database with a
    # connection in its hand: the pool is small, and the holder of the lock needs a second connection.
    if not turn.acquire(timeout=_TURN_SECONDS):
        raise TargetBusyError("Other requests with an Idempotency-Key are being worked on; send it again")
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 1))"), {"key": key})
            yield
    finally:
        turn.release()


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A key, and the request that came with it."""

    key: str
    sha256: str

    @classmethod
    def of(cls, key: str, mode: Mode, request: RunRequest) -> KeyedRequest:
        """Return it for the body of a request to the route of a mode."""
        said = f"{mode} {request.model_dump_json(exclude_unset=True)}"
        return cls(key, hashlib.sha256(said.encode()).hexdigest())


def create_once(
    cluster: Cluster, keyed: KeyedRequest | None, make_options: Callable[[], RunOptions], person: Person
) -> tuple[str, Phase, str | None]:
    """Create the run that a person asks for, or find the one that the same key has made; wake the producer for it.

    `make_options` looks at the sources; it is called outside of every lock, and not where the key is known.

    Returns:
        The run's id, its phase, and a sentence where the producer could not be told at once.

    Raises:
        ProblemError: 422, the key has been used for another request.
    """
    if keyed is None:
        options = (
            make_options()
        )  # before the ledger is asked for: what is wrong with a request is said without it
        run_id, phase = create_run(cluster.engine(), options, person=person), Phase.PENDING
    else:
        found = _find(cluster.engine(), keyed, make_options)
        run_id, phase = found or _create(cluster, keyed, make_options(), person)
    return run_id, phase, wake(cluster, run_id) if phase is Phase.PENDING else None


def _create(cluster: Cluster, keyed: KeyedRequest, options: RunOptions, person: Person) -> tuple[str, Phase]:
    engine = cluster.engine()
    options = replace(options, idempotency_key=keyed.key, idempotency_sha256=keyed.sha256)
    with _key_lock(engine, cluster.key_turn, keyed.key):
        found = _find(engine, keyed, lambda: options)  # another request may have been quicker
        return found or (create_run(engine, options, person=person), Phase.PENDING)


def _find(
    engine: Engine, keyed: KeyedRequest, make_options: Callable[[], RunOptions]
) -> tuple[str, Phase] | None:
    statement = (
        select(runs.c.id, runs.c.phase, runs.c.options)
        .where(runs.c.options["idempotency_key"].astext == keyed.key)
        .order_by(runs.c.created_at)
        .limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(statement).one_or_none()
    if row is None:
        return None
    kept = from_json(RunOptions, row.options)
    if kept.idempotency_sha256:
        is_same = kept.idempotency_sha256 == keyed.sha256
    else:  # of a version before 0.2.0, which compared what the request stood for
        is_same = kept == replace(make_options(), idempotency_key=keyed.key, idempotency_sha256="")
    if not is_same:
        raise ProblemError(
            "idempotency-key-reused",
            "This Idempotency-Key belongs to another request; use a new key for a new run.",
            {"run_id": row.id},
        )
    return row.id, Phase(row.phase)


def wake(cluster: Cluster, run_id: str) -> str | None:
    """Tell the producer about a run; return a sentence for the caller where that is not possible now."""
    what = SILENCE
    try:
        if cluster.send(run_id):
            return None
        logger.warning("Run %s waits in the ledger: the broker is silent", run_id)
    except BrokerError as error:
        logger.warning("Run %s waits in the ledger: %s", run_id, error)
        what = error.what
    return f"{what}; the run is in the ledger and starts when the producer finds it there."
