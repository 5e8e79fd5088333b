"""Who is there to work, and what waits for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter
from pydantic import BaseModel

from api.broker_waits import STALE_SECONDS
from api.cluster_connections import Cluster, ClusterDep
from api.problem_documents import responses
from api.required_scopes import NEEDS_READ
from api.response_models import QueueSizes
from api.target_clusters import ClustersDep, unanswered
from migration.ledger.process_presence import ALIVE_SECONDS, ProcessKind, ProcessPresence, read_processes
from migration.model import Phase
from migration.start_commands import start_command

router = APIRouter(prefix="/api/v1", tags=["cluster"])


class Producer(BaseModel):
    """A process that moves runs from phase to phase. `seen_at` is its last sign of life."""

    name: str
    host: str
    version: str
    started_at: datetime
    seen_at: datetime
    alive: bool


class Doing(BaseModel):
    """A step that a worker has in hand; without table or chunk it is of all of them. `source` is that of the table."""

    run_id: str
    phase: str
    source: str | None
    table: str | None
    chunk: int | None


class Worker(BaseModel):
    """A process that does the steps of runs; `processes` is how many at once."""

    name: str
    host: str
    version: str
    processes: int
    started_at: datetime
    seen_at: datetime
    alive: bool
    doing: list[Doing]


class TargetState(BaseModel):
    """A target by its name, and whether its ledger answers now."""

    name: str
    answers: bool


class ClusterState(BaseModel):
    """Who has given a sign of life lately, the living first. `queues` is null where the broker does not answer."""

    producers: list[Producer]
    workers: list[Worker]
    queues: QueueSizes | None
    note: str | None
    """What is wrong with all that; null: nothing."""
    targets: list[TargetState] | None = None
    """The targets that runs may be started into, the default one first; only where targets have names."""


def queue_sizes(cluster: Cluster) -> QueueSizes | None:
    """Return how many messages wait in each queue, as found a moment ago; None where the broker was silent then."""
    cluster.broker_watch.start()
    last = cluster.broker_watch.last()
    if last is None or last.found is None or last.age_seconds > STALE_SECONDS:
        return None
    return {"control": last.found.control, "copy": last.found.copy}


@router.get(
    "/cluster",
    responses=responses(HTTPStatus.SERVICE_UNAVAILABLE),
    response_model_exclude_unset=True,
    dependencies=[NEEDS_READ],
)
def read_cluster(cluster: ClusterDep, clusters: ClustersDep) -> ClusterState:
    """Say which producers and workers are there, since when, and what each works on."""
    ends = [phase.value for phase in Phase if phase.is_end]

    def read(one: Cluster) -> tuple[ProcessPresence, ...]:
        with one.engine().connect() as connection:
            return read_processes(connection, ends)

    answers = clusters.ask(read)
    if not answers.given:
        raise unanswered(answers.trouble)
    found = _merged([processes for _, processes in answers.given])
    producers = [process for process in found if process.kind is ProcessKind.PRODUCER]
    workers = [process for process in found if process.kind is ProcessKind.WORKER]
    queues = queue_sizes(cluster)
    notes = (_note(producers, workers, is_broker_silent=queues is None), answers.note)
    answering = [one for one, _ in answers.given]
    targets = [
        TargetState(name=one.shown_target or "", answers=one in answering) for one in clusters.all()[0]
    ]
    return ClusterState(
        producers=[
            Producer(
                name=process.name,
                host=process.host,
                version=process.version,
                started_at=process.started_at,
                seen_at=process.seen_at,
                alive=process.alive,
            )
            for process in producers
        ],
        workers=[
            Worker(
                name=process.name,
                host=process.host,
                version=process.version,
                processes=process.slots,
                started_at=process.started_at,
                seen_at=process.seen_at,
                alive=process.alive,
                doing=[
                    Doing(
                        run_id=work.run_id,
                        phase=work.phase,
                        source=work.source,
                        table=work.table,
                        chunk=work.chunk,
                    )
                    for work in process.doing
                ],
            )
            for process in workers
        ],
        queues=queues,
        note=" ".join(filter(None, notes)) or None,
        **({} if cluster.shown_target is None else {"targets": targets}),
    )


def _merged(ledgers: list[tuple[ProcessPresence, ...]]) -> list[ProcessPresence]:
    """Return each process once, with what it does in every ledger; a process gives its signs of life in all of them."""
    if len(ledgers) == 1:
        return list(ledgers[0])
    known: dict[tuple[ProcessKind, str], ProcessPresence] = {}
    for process in (process for ledger in ledgers for process in ledger):
        before = known.get((process.kind, process.name))
        if before is not None:
            newest = max(before, process, key=lambda one: (one.alive, one.seen_at))
            doing = tuple(dict.fromkeys((*before.doing, *process.doing)))
            process = replace(newest, doing=doing if newest.alive else ())  # noqa: PLW2901 - the two in one
        known[process.kind, process.name] = process
    return sorted(known.values(), key=lambda one: (one.kind, not one.alive, one.name))


def _note(
    producers: list[ProcessPresence], workers: list[ProcessPresence], *, is_broker_silent: bool
) -> str | None:
    told = []
    if not any(process.alive for process in producers):
        told.append(f"No producer is alive: start one with `{start_command('producer')}`.")
    if not any(process.alive for process in workers):
        told.append(f"No worker is alive: start one with `{start_command('worker')}`.")
    told += [
        f"{process.elsewhere.sentence()} ({process.name}). {process.elsewhere.remedy()}."
        for process in (*producers, *workers)
        if process.alive and process.elsewhere is not None
    ]
    silent = [process.name for process in (*producers, *workers) if not process.alive]
    if silent:
        told.append(f"No sign of life for {ALIVE_SECONDS:.0f} s from {', '.join(silent[:10])}.")
    if is_broker_silent:
        told.append("The broker does not answer.")
    return " ".join(told) or None
