"""The ledgers of an API process: that of the default target, and one for each target of MIGRATION_TARGETS_FILE.

A run is in one of them, and its id does not say in which: so all are asked, at once and with a bound, and what was
found is remembered. One that does not answer holds up no other, and is said.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Annotated, Final, Generic, TypeVar

from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError

from api.cluster_connections import Cluster
from api.problem_documents import ProblemError, members_of
from api.server_watch import LOOK_SECONDS
from migration.convoy_error import ConvoyError
from migration.errors import TargetUnreachableError, UnknownRunError
from migration.ledger.ledger_errors import ledger_error
from migration.ledger.run_records import RunRecord, find_run
from migration.named_targets import DEFAULT_TARGET, NamedTargets
from migration.target_name_errors import UnknownTargetError

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

_ANSWER_SECONDS: Final = 10.0
"""For all ledgers together, below what a request may take."""
_LOOK_SECONDS: Final = 2.0
_THREADS: Final = 32
_REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True)
class Answers(Generic[Answer]):
    """What each ledger has answered, the default target's first; `trouble` has a sentence for each that has not.

    `gone` has one for each that is asked no more, because its name is not in the file any more.
    """

    given: tuple[tuple[Cluster, Answer], ...]
    trouble: tuple[str, ...]
    gone: tuple[str, ...] = ()

    @property
    def note(self) -> str | None:
        """All trouble in one text; None: there is none."""
        return " ".join((*self.trouble, *self.gone)) or None


class TargetClusters:
    """All clusters of one API process; `default` is the one of MIGRATION_TARGET_URL. For several threads."""

    def __init__(self, default: Cluster) -> None:
        self.default = default
        self.targets = NamedTargets(default.settings)
        self._lock = threading.Lock()
        self._named: dict[str, Cluster] = {}
        self._served: dict[str, str] = {}
        """Name → URL without password of each target that this process has served, those taken out of the file, too."""
        self._homes: OrderedDict[str, str] = OrderedDict()
        """Run's id → name of its target."""
        self._ended = threading.Event()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="asks ledgers")

    def chosen(self, name: str | None, place: str = "#/target") -> Cluster:
        """Return the cluster of the target that a request names, at a place of it; None: the default one.

        Raises:
            ProblemError: 422, there is none of this name; says which there are.
            TargetsFileError: the file of targets cannot be used.
            TargetUnreachableError: there are several, and this one is silent.
        """
        try:
            found = self.named(self.targets.chosen(name))
        except UnknownTargetError as error:
            members = {**members_of(error), "errors": [{"pointer": place, "detail": str(error)}]}
            raise ProblemError("invalid-request", f"{place}: {error}", members) from None
        if self.targets.are_there:
            found.refuse_silent()
        return found

    def named(self, target: str) -> Cluster:
        """Return the cluster of a target as messages name it.

        Raises:
            TargetNameMissingError: the file has no such name (any more).
            TargetsFileError: the file of targets cannot be used.
        """
        if not target:
            return self.default
        settings = self.targets.settings_of(target)
        with self._lock:
            known = self._named.get(target)
            if known is not None and known.settings is settings:
                return known
            made = self._named[target] = Cluster(settings, target, self.default)
            self._served[target] = made.target
        if known is not None:  # another password, or another address
            known.close()
        made.ledger_watch.start()
        return made

    def all(self) -> tuple[tuple[Cluster, ...], tuple[str, ...]]:
        """Return every cluster, and what is wrong with the file of targets: then those that are known go on."""
        if not self.targets.are_there:
            return (self.default,), ()
        try:
            names = self.targets.names()
            found = [self.named(name) for name in names]
        except TargetUnreachableError as error:
            with self._lock:
                return (self.default, *self._named.values()), (str(error),)
        with self._lock:
            gone = [self._named.pop(name) for name in list(self._named) if name not in names]
        for cluster in gone:
            cluster.close()
        return (self.default, *found), ()

    def gone(self) -> tuple[str, ...]:
        """Return a sentence for each target that was served and has no name in the file now; waits for nothing."""
        with self._lock:
            urls = {self.default.target, *(cluster.target for cluster in self._named.values())}
            names = [
                name for name, url in self._served.items() if name not in self._named and url not in urls
            ]
        return tuple(
            f"The target {name} is not in the file of targets any more: its runs are missing here."
            for name in sorted(names)
        )

    def named_now(self) -> tuple[Cluster, ...]:
        """Return the clusters of the targets that have names, as they were last seen; waits for no disk either."""
        with self._lock:
            return tuple(self._named[name] for name in sorted(self._named))

    def start(self) -> None:
        """Begin to look at the file, and at the server of each name."""
        if self.targets.are_there:
            self.all()
            threading.Thread(target=self._watch, name="looks at the targets", daemon=True).start()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self.all()
            except Exception:
                logger.warning("The file of targets could not be looked at", exc_info=True)

    def ask(self, question: Callable[[Cluster], Answer]) -> Answers[Answer]:
        """Put a question to every ledger at once.

        Raises:
            ConvoyError, DBAPIError: there is one target only, and its ledger cannot be asked.
        """
        clusters, trouble = self.all()
        if not self.targets.are_there:
            return Answers(((self.default, question(self.default)),), ())
        asked = {cluster: self._threads.submit(_ask, cluster, question) for cluster in clusters}
        wait(asked.values(), _ANSWER_SECONDS)
        given: list[tuple[Cluster, Answer]] = []
        told = list(trouble)
        for cluster, answer in asked.items():
            if not answer.done():
                answer.cancel()
                told.append(_silent(cluster, "no answer in time"))
            elif (problem := answer.exception()) is None:
                given.append((cluster, answer.result()))
            elif isinstance(problem, ConvoyError | DBAPIError):
                told.append(_silent(cluster, str(ledger_error(problem))))
            else:
                raise problem
        return Answers(tuple(given), tuple(told), self.gone())

    def find(self, run_id: str) -> FoundRun | None:
        """Return a run by its full id, and the cluster in whose ledger it is; None: no ledger knows it.

        Raises:
            ProblemError: 503, it is in none of those that answer, and some do not.
            ConvoyError, DBAPIError: the ledger that is known to have it cannot be asked.
        """
        with self._lock:
            home = self._homes.get(run_id)
        if home is not None:
            cluster = self.named(home)
            cluster.refuse_silent()
            record = _look_up(cluster, run_id)
            if record is not None:
                return FoundRun(cluster, record)
        answers = self.ask(lambda cluster: _look_up(cluster, run_id))
        for cluster, record in answers.given:
            if record is not None:
                self._remember(run_id, cluster)
                return FoundRun(cluster, record)
        if answers.trouble:
            raise unanswered(answers.trouble, "The run is in none of the ledgers that answer.")
        return None

    def _remember(self, run_id: str, cluster: Cluster) -> None:
        if not self.targets.are_there:
            return
        with self._lock:
            self._homes[run_id] = cluster.target_name
            while len(self._homes) > _REMEMBERED:
                self._homes.popitem(last=False)

    def close(self) -> None:
        """Close the connections of all."""
        self._ended.set()
        with self._lock:
            named = [self._named.popitem()[1] for _ in list(self._named)]
        for cluster in (*named, self.default):
            cluster.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run, and the cluster in whose ledger it is."""

    cluster: Cluster
    record: RunRecord


def unanswered(trouble: tuple[str, ...], sentence: str = "") -> ProblemError:
    """Return the 503 problem for ledgers that do not answer."""
    return ProblemError(
        "ledger-unreachable",
        " ".join(filter(None, (sentence, *trouble, "Try again once it answers."))),
    )


def _look_up(cluster: Cluster, run_id: str) -> RunRecord | None:
    try:
        return find_run(cluster.engine(), run_id)
    except UnknownRunError:
        return None


def _ask(cluster: Cluster, question: Callable[[Cluster], Answer]) -> Answer:
    last = cluster.ledger_watch.last()
    if last is not None and last.problem is not None and last.age_seconds < 2 * LOOK_SECONDS:
        # Somebody looks again within seconds: nobody else needs to wait for it.
        if isinstance(last.problem, ConvoyError):
            raise last.problem
        cluster.refuse_silent()
    return question(cluster)


def _silent(cluster: Cluster, reason: str) -> str:
    return f"The ledger of the target {cluster.target_name or DEFAULT_TARGET} does not answer: {reason.rstrip('.')}."


async def _clusters(request: Request) -> TargetClusters:
    clusters: TargetClusters = request.app.state.clusters
    return clusters


ClustersDep = Annotated[TargetClusters, Depends(_clusters)]
"""The clusters of the application that a route runs in."""
