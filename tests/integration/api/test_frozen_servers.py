"""Whatever hangs behind the API, every request ends within a bound, and the probes answer at once.

Bounds are generous: the alternative is a request that hangs for as long as its server does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import psycopg
import pytest

from migration.ledger.run_records import find_run
from migration.ledger.run_waits import UNTAKEN_STEPS
from migration.model import Phase
from tests.integration.api.conftest import RunningApi
from tests.support.frozen_servers import frozen, postgres_processes, valkey_processes

V1 = "/api/v1/migration"
PROBE_SECONDS = 1.5
"""A probe takes milliseconds; CI's machine may have much else to do."""
REQUEST_SECONDS = 40.0


@dataclass
class Probes:
    """What a load balancer sees meanwhile: seconds and status of each probe, by path."""

    url: str
    seen: list[tuple[str, float, int]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            while not self.ended.wait(0.05):
                for path in ("/healthz", "/readyz"):
                    begun = time.monotonic()
                    status = client.get(path).status_code
                    self.seen.append((path, time.monotonic() - begun, status))

    def check(self) -> None:
        assert len(self.seen) > 10
        assert max(seconds for _, seconds, _ in self.seen) < PROBE_SECONDS
        assert {status for path, _, status in self.seen if path == "/healthz"} == {200}


@contextmanager
def probing(api: RunningApi) -> Iterator[Probes]:
    probes = Probes(api.url)
    thread = threading.Thread(target=probes.watch)
    thread.start()
    try:
        yield probes
    finally:
        probes.ended.set()
        thread.join()


def ask(api: RunningApi, path: str) -> tuple[int, str, float]:
    begun = time.monotonic()
    answer = httpx.get(
        f"{api.url}{path}", headers=api.client.headers, timeout=REQUEST_SECONDS, trust_env=False
    )
    if answer.status_code == 503:
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code, answer.text, time.monotonic() - begun


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"no {what} after 30 s"
        time.sleep(0.1)


def start(api: RunningApi) -> dict[str, str]:
    answer = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}, timeout=REQUEST_SECONDS)
    assert answer.status_code == 202, answer.text
    accepted: dict[str, str] = answer.json()
    return accepted


def broker_up(api: RunningApi) -> float:
    """What the metric says of the broker."""
    text = api.client.get("/metrics", timeout=REQUEST_SECONDS).text
    (line,) = [line for line in text.splitlines() if line.startswith("convoy_broker_up ")]
    return float(line.split()[1])


def test_frozen_postgresql_ends_every_request_and_no_probe(api: RunningApi, target_url: str) -> None:
    status = start(api)["links"]["status"]
    with frozen(postgres_processes(target_url)), probing(api) as probes:
        with ThreadPoolExecutor(60) as pool:
            answers = list(pool.map(lambda n: ask(api, status if n % 2 else V1), range(60)))
        wait_until(lambda: httpx.get(f"{api.url}/readyz", trust_env=False).status_code == 503, "word of it")
    assert {code for code, _, _ in answers} == {503}
    probes.check()
    wait_until(lambda: ask(api, status)[0] == 200, "status")
    wait_until(lambda: httpx.get(f"{api.url}/readyz", trust_env=False).status_code == 200, "readiness")


def test_silent_broker_keeps_no_start_waiting(api: RunningApi, valkey_url: str) -> None:
    start(api)
    with frozen(valkey_processes(valkey_url)), probing(api) as probes:
        with ThreadPoolExecutor(8) as pool:
            accepted = list(pool.map(lambda _: start(api), range(8)))
        assert all("The message broker does not answer" in run["note"] for run in accepted)
        assert all(find_run(api.engine, run["run_id"]).phase is Phase.PENDING for run in accepted)
        assert ask(api, V1)[0] == 200
        wait_until(
            lambda: "broker" in httpx.get(f"{api.url}/readyz", trust_env=False).json().get("detail", ""),
            "word",
        )
        assert api.client.get("/api/v1/cluster").json()["queues"] is None
        told = api.client.get(accepted[0]["links"]["status"]).json()["waits"]
        assert [sentence for sentence in told if "broker does not answer" in sentence], told
        assert not [sentence for sentence in told if sentence.startswith(UNTAKEN_STEPS)], told
        assert broker_up(api) == 0.0
    probes.check()
    wait_until(lambda: api.client.get("/api/v1/cluster").json()["queues"] is not None, "queues")
    assert broker_up(api) == 1.0
    told = api.client.get(accepted[0]["links"]["status"]).json()["waits"]
    assert not [sentence for sentence in told if "broker does not answer" in sentence], told


@pytest.mark.parametrize("at_once", [200])
def test_locked_ledger_and_two_hundred_calls_that_wait_for_it(
    api: RunningApi, target_url: str, at_once: int
) -> None:
    status = start(api)["links"]["status"]
    with psycopg.connect(target_url) as connection, probing(api) as probes:
        connection.execute("LOCK TABLE convoy.runs IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(at_once) as pool:
            answers = list(pool.map(lambda n: ask(api, status if n % 2 else V1), range(at_once)))
        connection.rollback()
    assert {code for code, _, _ in answers} == {503}
    probes.check()
    # The server itself answered all the time.
    assert {code for path, _, code in probes.seen if path == "/readyz"} == {200}
    wait_until(lambda: ask(api, status)[0] == 200, "status")
