"""What the broker must be, and the processes on it: there, of this version, on the same target."""

from __future__ import annotations

import shlex
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.start_commands import ClusterProcess, start_command
from producer.cli.doctor.check_result import CheckResult, Clock, Health, compare_clocks, told

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from migration.settings import Settings
    from migration.worker_versions import ProcessVersion

_OLDEST: Final = (6, 2)
_ANSWER_SECONDS: Final = 5.0
_PORT: Final = 6379
_TLS_FLAGS: Final = (("ssl_ca_certs", "--cacert"), ("ssl_certfile", "--cert"), ("ssl_keyfile", "--key"))
_PROCESSES: Final[tuple[tuple[ClusterProcess, str], ...]] = (("producer", "control"), ("worker", "copy"))
"""Process, and the queue that it takes messages from."""


def check_broker_server(settings: Settings, clocks: list[Clock]) -> list[CheckResult]:
    """Look at the broker of the settings, and at who listens on it; the broker's clock is added to `clocks`.

    Nothing is written but the question to the processes, which each of them answers.
    """
    from migration.queue import check_broker

    results: list[CheckResult] = []
    url = str(settings.broker_url)
    with told("broker", results):
        check_broker(url)
        client = Redis.from_url(
            url, socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS, decode_responses=True
        )
        try:
            results += server_checks(client.info(), url)

            def seconds() -> float:
                whole, micros = client.time()
                return float(whole) + float(micros) / 1e6

            compare_clocks(seconds, clocks, "the broker", time.time)
            results += _processes(settings)
            results += check_sharing(url)
        except RedisError as error:
            results.append(
                CheckResult(
                    "broker", Health.FAILED, f"it refuses: {error}", "Give the login the rights it lacks"
                )
            )
        finally:
            client.close()
    return results


def server_checks(info: Mapping[str, Any], url: str) -> list[CheckResult]:
    """Return what a broker's own account of itself, the answer to INFO, amounts to."""
    from migration.queue import broker_address

    address = broker_address(url)
    name = "Valkey" if "valkey_version" in info else "Redis"
    shown = str(info.get("valkey_version") or info["redis_version"])
    shell = broker_shell(url, "valkey-cli" if name == "Valkey" else "redis-cli", as_administrator=True)
    parts = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    results = [CheckResult("broker", Health.OK, f"{name} {shown} at {address}")]
    if parts < _OLDEST:
        results.append(
            CheckResult("version", Health.FAILED, f"{name} {shown} is too old", "Use 6.2 or newer")
        )
    if info.get("role") != "master":
        results.append(
            CheckResult(
                "broker's role", Health.FAILED, "it is a replica, and takes no writes", "Name the primary"
            )
        )
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy != "noeviction":
        results.append(
            CheckResult(
                "memory policy",
                Health.WARNING,
                f"{policy}: a full broker throws messages away; the watchdog sends them again, later",
                _administered("maxmemory-policy noeviction"),
                f"{shell} CONFIG SET maxmemory-policy noeviction",
            )
        )
    if not info.get("aof_enabled"):
        results.append(
            CheckResult(
                "append-only file",
                Health.WARNING,
                "off: a restart of the broker loses what is queued; the watchdog sends it again, later",
                _administered("appendonly yes"),
                f"{shell} CONFIG SET appendonly yes",
            )
        )
    return results


def _administered(setting: str) -> str:
    """Return who may change a setting of the broker: a user with the rights of docs/security.md may not."""
    return (
        f"Have an administrator of the broker write `{setting}` into its configuration file, for its next start, and"
        " type this with a login of theirs (--user), for now: the user of Convoy needs no such right"
    )


def broker_shell(url: str, program: str, *, as_administrator: bool = False) -> str:
    """Return the line that opens the broker's own client, by address: a shell knows nothing of what `.env` sets.

    An administrator's login is another than the URL's, and is left to them.

    The password is asked for, and stands in no list of processes.

    >>> broker_shell("rediss://me:word@cache.example:6380/2?ssl_ca_certs=/etc/ca.crt", "redis-cli")
    'redis-cli -h cache.example -p 6380 -n 2 --user me --askpass --tls --cacert /etc/ca.crt'
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    words = [program, "-h", parts.hostname or "localhost", "-p", str(parts.port or _PORT)]
    database = options.get("db") or parts.path.strip("/")
    words += ["-n", database] if database not in {"", "0"} else []
    user = "" if as_administrator else unquote(parts.username or "")
    words += ["--user", user] if user else []
    words += ["--askpass"] if parts.password else []
    if parts.scheme == "rediss":
        words.append("--tls")
        for option, flag in _TLS_FLAGS:
            words += [flag, options[option]] if option in options else []
    return shlex.join(words)


def _processes(settings: Settings) -> list[CheckResult]:
    from migration.queue import make_app
    from migration.worker_versions import ask_processes, own_version

    app = make_app(settings)
    try:
        found = ask_processes(app, queues=True)
    finally:
        app.close()
    results = []
    for kind, queue in _PROCESSES:
        names = sorted(process.name for process in found if queue in process.queues)
        shown = ", ".join(names)
        results.append(
            CheckResult(f"{kind} on the broker", Health.OK, shown)
            if names
            else CheckResult(
                f"{kind} on the broker",
                Health.FAILED,
                f"nobody takes messages from the queue {queue}",
                f"Start a {kind}",
                start_command(kind),
            )
        )
    results += compare_versions(own_version(), found)
    return results


def check_cluster_of_target(settings: Settings, url: str, target_name: str) -> list[CheckResult]:
    """Return whether the cluster on the broker writes to the target that a command would open, as the command asks it.

    Args:
        settings: with the broker's URL.
        url: of the target, with its password.
        target_name: what `--target` calls it; empty: nothing.
    """
    from migration.announced_targets import check_target_is_announced
    from migration.ledger.ledger_database import target_identity
    from migration.target.target_connection import make_engine, redact

    results: list[CheckResult] = []
    engine = make_engine(url, "convoy doctor")
    try:
        identity = target_identity(engine)
    except (ConvoyError, DBAPIError):  # said already, of the target itself
        return []
    finally:
        engine.dispose()
    with told("target of the cluster", results):
        check_target_is_announced(str(settings.broker_url), identity, redact(url), target_name)
    return results


def check_sharing(url: str) -> list[CheckResult]:
    """Return which targets living clusters on one broker have different databases for."""
    from migration.announced_targets import read_claims, shared_broker

    claims = read_claims(url)
    results: list[CheckResult] = []
    for target in sorted({claim.target for claim in claims}):
        shown, *others = [claim.shown for claim in claims if claim.target == target]
        if others:
            with told("broker of one cluster", results):
                raise shared_broker(shown, others, target)
    return results


def compare_versions(own: str, found: Iterable[ProcessVersion]) -> list[CheckResult]:
    """Return which processes are older or newer than this command, and where something is to be installed.

    Args:
        own: version of this command, `0.2.0+ledger.0014`.
        found: the processes that have answered.
    """
    from migration.ledger.ledger_releases import Age, age_of

    by_age: dict[Age, list[str]] = {Age.OLDER: [], Age.SAME: [], Age.NEWER: []}
    for one in found:
        by_age[age_of(one.version, own)].append(f"{one.name} ({one.version or 'before 0.2.0'})")
    results = []
    if by_age[Age.OLDER]:
        results.append(
            CheckResult(
                "versions",
                Health.WARNING,
                f"older than this {own}: {', '.join(by_age[Age.OLDER])}",
                "Install this version where they run, and start them anew (docs/upgrading.md)",
                f"pip install 'convoy-migrate=={own.partition('+')[0]}'",
            )
        )
    if by_age[Age.NEWER]:
        results.append(
            CheckResult(
                "versions" if not results else "newer versions",
                Health.WARNING,
                f"this {own} is older than {', '.join(by_age[Age.NEWER])}",
                "Install their version here, too (docs/upgrading.md)",
                "pip install --upgrade convoy-migrate",
            )
        )
    if by_age[Age.SAME] and not results:
        results.append(CheckResult("versions", Health.OK, f"all are {own}"))
    return results
