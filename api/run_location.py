"""The run that a path names, and the ledger that has it: every route of one run goes through here."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import Depends, Path

from api.cluster_connections import Cluster
from api.problem_documents import ProblemError
from api.response_models import PREFIX
from api.target_clusters import ClustersDep, FoundRun
from migration.ledger.run_records import RunRecord

RunId = Annotated[str, Path(alias="id", description="A run's id, as `start` returned it.")]


def found_run(run_id: RunId, clusters: ClustersDep) -> FoundRun:
    """Return the run that a path names by its full id; 404 where there is none, 503 where nobody can say."""
    missing = ProblemError(
        "run-not-found",
        f"There is no such run. {PREFIX} lists them all.",
    )
    try:
        full_id = str(uuid.UUID(run_id))
    except ValueError:
        raise missing from None
    found = clusters.find(full_id)
    if found is None:
        raise missing
    return found


_Found = Annotated[FoundRun, Depends(found_run)]


# On the event loop: they wait for nothing, and threads are few.
async def _record(found: _Found) -> RunRecord:
    return found.record


async def _cluster(found: _Found) -> Cluster:
    return found.cluster


KnownRun = Annotated[RunRecord, Depends(_record)]
RunCluster = Annotated[Cluster, Depends(_cluster)]
"""The cluster in whose ledger the run of the path is."""
