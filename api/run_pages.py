"""A page of runs over all ledgers, as if they were one: each is asked for a page after the same cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.cluster_connections import Cluster
from api.target_clusters import Answers, TargetClusters, unanswered
from migration.ledger.run_list import RunCursor, RunFilter, read_run_page
from migration.ledger.run_records import RunRecord


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs with the names of their targets, the newest first. `last`: more follow; `note`: some may lack."""

    runs: Sequence[tuple[str | None, RunRecord]]
    last: RunCursor | None
    note: str | None


def read_runs(
    clusters: TargetClusters, target: str | None, wanted: RunFilter, limit: int, after: RunCursor | None
) -> RunPage:
    """Return a page of the runs of one target, or of all.

    Raises:
        ProblemError: 422, there is no such target; 503, no ledger answers.
    """

    def read(cluster: Cluster) -> tuple[Sequence[RunRecord], RunCursor | None]:
        with cluster.engine().connect() as connection:
            return read_run_page(connection, wanted, limit, after)

    if target is not None:
        chosen = clusters.chosen(target, "query target")
        answers = Answers(((chosen, read(chosen)),), ())
    else:
        answers = clusters.ask(read)
    if not answers.given:
        raise unanswered(answers.trouble)
    # Two names of one database bring the same runs twice: the first name stands.
    found: dict[str, tuple[str | None, RunRecord]] = {}
    for cluster, (runs, _) in answers.given:
        for run in runs:
            found.setdefault(run.id, (cluster.shown_target, run))
    newest = sorted(found.values(), key=lambda entry: (entry[1].created_at, entry[1].id), reverse=True)
    page = newest[:limit]
    has_more = len(newest) > limit or any(last is not None for _, (_, last) in answers.given)
    last = RunCursor(page[-1][1].created_at, page[-1][1].id) if has_more and page else None
    return RunPage(page, last, answers.note)
