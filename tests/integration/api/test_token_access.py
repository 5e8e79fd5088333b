"""Tokens with scopes on a real API and a real ledger: what each opens, and how long after it was revoked."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text, update

from api.app import create_app
from api.token_check import LEDGER_ANSWER_SECONDS
from migration.access_errors import TokenNameError, UnknownTokenError
from migration.errors import SettingError
from migration.ledger.access_tokens import (
    USE_NOTED_EVERY,
    AccessScope,
    create_token,
    hash_of,
    list_tokens,
    new_token,
    note_use,
    revoke_token,
)
from migration.ledger.event_log import read_events
from migration.ledger.ledger_database import open_ledger
from migration.ledger.ledger_tables import access_tokens
from migration.ledger.run_acts import Person, read_acts
from tests.integration.api.conftest import RunningApi
from tests.support.api import TOKEN, ApiClient, api_settings
from tests.support.shell import Shell

V1 = "/api/v1/migration"
ADA = Person("ada", "desk")


def token_of(api: RunningApi, name: str, *scopes: AccessScope, days: float | None = None) -> dict[str, str]:
    secret, _ = create_token(api.engine, name, scopes, ADA, days)
    return {"Authorization": f"Bearer {secret}"}


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_operation_opens_to_the_scopes_that_include_its_own(api: RunningApi) -> None:
    order = list(AccessScope)
    held = {scope: token_of(api, f"t-{scope}", scope) for scope in order}
    started = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}).json()["run_id"]
    document = httpx.get(f"{api.url}/openapi.json", trust_env=False).json()
    tried = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "security" not in operation:
                continue
            needed = AccessScope(operation["security"][0]["token"][0])
            place = re.sub(r"\{\w+\}", "nothing-of-this-name", path.replace("{id}", str(uuid.uuid4())))
            for scope, header in held.items():
                answer = api.client.request(
                    method, place, headers=header, json={} if method == "post" else None
                )
                tried += 1
                if order.index(scope) >= order.index(needed):
                    assert answer.status_code not in {401, 403}, (method, path, scope, answer.text)
                    continue
                problem = answer.json()
                assert (answer.status_code, problem["type"]) == (403, "urn:convoy:problem:scope-missing"), (
                    path
                )
                assert f"`{needed}`" in problem["detail"]
                assert problem["scope_needed"] == needed
                assert answer.headers["www-authenticate"].endswith(f'scope="{needed}"')
    assert tried >= 3 * 20
    assert api.client.get(f"{V1}/{started}/status").status_code == 200


def test_the_token_says_what_it_is_good_for(api: RunningApi) -> None:
    header = token_of(api, "ci", AccessScope.RUN, days=2)

    mine = api.client.get("/api/v1/token", headers=header).json()
    bootstrap = api.client.get("/api/v1/token").json()

    assert (mine["name"], mine["scopes"]) == ("ci", ["read", "run"])
    assert mine["expires_at"] is not None
    assert bootstrap == {"name": "bootstrap", "scopes": ["read", "run", "admin"], "expires_at": None}


def test_a_revoked_token_is_out_within_seconds_and_its_stream_ends(api: RunningApi) -> None:
    # Given a token that two API processes have seen, and whose holder follows a run
    header = token_of(api, "leaked", AccessScope.READ)
    run_id = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}).json()["run_id"]
    assert api.client.get(V1, headers=header).status_code == 200
    ended = threading.Event()

    def follow() -> None:
        with httpx.Client(base_url=api.url, headers=header, timeout=60, trust_env=False) as client:
            client.get(f"{V1}/{run_id}/events")
        ended.set()

    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(follow)
        wait_for(lambda: len(read_events(api.engine, run_id)) > 0)
        # When it is revoked
        revoke_token(api.engine, "leaked", ADA)
        revoked_at = time.monotonic()
        # Then it opens nothing after the seconds that the ledger's word is believed for
        wait_for(lambda: api.client.get(V1, headers=header).status_code == 401)
        took = time.monotonic() - revoked_at
        problem = api.client.get(V1, headers=header).json()
        assert took < LEDGER_ANSWER_SECONDS + 5
        assert "leaked was revoked at" in problem["detail"]
        assert ended.wait(30)
        following.result()


def test_a_token_that_is_revoked_while_a_body_is_on_its_way_starts_nothing(api: RunningApi) -> None:
    header = token_of(api, "leaked", AccessScope.RUN)

    def body() -> Iterator[bytes]:
        yield b'{"sources": '
        revoke_token(api.engine, "leaked", ADA)
        time.sleep(LEDGER_ANSWER_SECONDS + 1)
        yield b'["school.db"]}'

    answer = httpx.post(
        f"{api.url}{V1}/start",
        content=body(),
        headers={**header, "Content-Type": "application/json"},
        timeout=30,
        trust_env=False,
    )

    assert answer.status_code == 401, answer.text
    assert "leaked was revoked at" in answer.json()["detail"]
    assert api.client.get(V1).json()["runs"] == []


def test_an_expired_token_says_so_and_its_name_is_free_again(api: RunningApi) -> None:
    header = token_of(api, "short", AccessScope.READ, days=1)
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE convoy.access_tokens SET expires_at = now() - interval '1 second'"))

    answer = api.client.get(V1, headers=header)

    assert answer.status_code == 401
    assert "short has expired at" in answer.json()["detail"]
    token_of(api, "short", AccessScope.READ)
    with pytest.raises(TokenNameError, match="There is a token short already"):
        create_token(api.engine, "short", [AccessScope.READ], ADA)


def test_the_ledger_keeps_no_token_and_notes_its_use(api: RunningApi) -> None:
    secret, made = create_token(api.engine, "ci", [AccessScope.READ], ADA)
    assert made.last_used_at is None
    api.client.get(V1, headers={"Authorization": f"Bearer {secret}"})

    with api.engine.connect() as connection:
        row = dict(connection.execute(text("SELECT * FROM convoy.access_tokens")).mappings().one())

    assert secret not in str(row)
    assert row["sha256"] == hash_of(secret)
    assert (row["created_by"], row["last_used_at"] is not None) == ("ada@desk", True)


def test_the_time_of_last_use_is_no_more_than_ten_seconds_behind(api: RunningApi) -> None:
    """What the page and `token list` say: an API asks anew after five seconds, and then it is written down."""
    assert LEDGER_ANSWER_SECONDS + USE_NOTED_EVERY.total_seconds() <= 10
    assert USE_NOTED_EVERY.total_seconds() < LEDGER_ANSWER_SECONDS
    _, made = create_token(api.engine, "ci", [AccessScope.READ], ADA)
    of_token = access_tokens.c.id == made.id
    with api.engine.begin() as connection:
        used = func.clock_timestamp() - timedelta(seconds=LEDGER_ANSWER_SECONDS)
        connection.execute(update(access_tokens).where(of_token).values(last_used_at=used))
        note_use(connection, made.id)
    with api.engine.connect() as connection:
        fresh = func.clock_timestamp() - access_tokens.c.last_used_at < timedelta(
            seconds=LEDGER_ANSWER_SECONDS
        )
        assert connection.execute(select(fresh).where(of_token)).scalar_one()


def test_a_token_that_nobody_made_opens_nothing(api: RunningApi) -> None:
    for secret in (new_token(), "convoy_" + "a" * 38, new_token()[:-1], "bootstrap", "convoy_"):
        answer = api.client.get(V1, headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 401
        assert secret not in answer.text
    with pytest.raises(UnknownTokenError):
        revoke_token(api.engine, "nobody", ADA)


def test_acts_have_the_name_of_the_token(api: RunningApi) -> None:
    header = token_of(api, "ci", AccessScope.ADMIN)
    run_id = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}, headers=header).json()["run_id"]
    forged = {
        **header,
        "X-Forwarded-For": "6.6.6.6",
        "Forwarded": "for=6.6.6.6",
        "X-Real-IP": "db1: x -- By root",
    }
    for act in ("pause", "resume", "cancel"):
        assert api.client.post(f"{V1}/{run_id}/{act}", headers=forged).status_code == 202

    with api.engine.connect() as connection:
        acts = read_acts(connection, run_id)

    assert [(act.act.value, act.person) for act in acts] == [
        (act, Person("token ci", "127.0.0.1")) for act in ("started", "paused", "resumed", "cancelled")
    ]
    events = [event.data["person"] for event in read_events(api.engine, run_id) if event.kind == "act"]
    assert events == ["token ci"] * 4


def test_without_its_ledger_only_the_tokens_of_the_settings_are_known() -> None:
    client = ApiClient(create_app(api_settings(None)))

    unknown = client.get(f"{V1}/tables", headers={"Authorization": f"Bearer {new_token()}"})
    known = client.get(f"{V1}/tables", headers={"Authorization": f"Bearer {TOKEN}"})

    assert (unknown.status_code, known.status_code) == (503, 200)
    assert unknown.json()["type"] == "urn:convoy:problem:ledger-unreachable"


def test_a_token_of_the_ledger_is_enough_to_start(target_url: str, tmp_path: Path) -> None:
    settings = api_settings(tmp_path, api_token=None, target_url=target_url)
    with pytest.raises(SettingError, match="does not start without a token"):
        create_app(settings)
    engine = open_ledger(target_url)
    secret, _ = create_token(engine, "first", [AccessScope.READ], ADA)
    engine.dispose()

    client = ApiClient(create_app(settings), {"Authorization": f"Bearer {secret}"})

    assert client.get("/api/v1/token").json()["name"] == "first"
    client.app.state.cluster.close()


def test_a_file_of_tokens_is_rotated_under_a_running_api(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("old-token\n")
    client = ApiClient(create_app(api_settings(None, api_token=None, api_token_file=file)))

    def status(token: str) -> int:
        header = {"Authorization": f"Bearer {token}"}
        return client.get(f"{V1}/tables", headers=header).status_code

    assert (status("old-token"), status("new-token")) == (200, 401)
    file.write_text("new-token\nold-token\n")
    wait_for(lambda: (status("old-token"), status("new-token")) == (200, 200))
    file.write_text("new-token\n")
    wait_for(lambda: (status("old-token"), status("new-token")) == (401, 200))
    file.unlink()
    wait_for(lambda: status("new-token") == 401)


def test_several_tokens_of_the_settings_have_names_of_their_own() -> None:
    client = ApiClient(create_app(api_settings(None, api_token="one, two,,three ")))

    names = [
        client.get("/api/v1/token", headers={"Authorization": f"Bearer {token}"}).json().get("name")
        for token in ("one", "two", "three", "", "one, two")
    ]

    assert names == ["bootstrap", "bootstrap-2", "bootstrap-3", None, None]


def test_the_command_makes_lists_and_revokes(target_url: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path, target_url)

    status, secret, said = shell.run("token", "create", "ci", "--scope", "run", "--expires-days", "30")
    assert (status, len(secret.strip())) == (0, 45)
    assert "Token ci may read, run until" in said
    status, out, _ = shell.run("token", "list")
    assert status == 0
    assert re.search(r"^ci +read,run +good ", out, re.MULTILINE)
    assert secret.strip() not in out
    assert shell.run("token", "revoke", "ci")[0] == 0
    assert shell.run("token", "list")[1].startswith("This ledger has no token")
    assert re.search(r"^ci +read,run +revoked ", shell.run("token", "list", "--all")[1], re.MULTILINE)
    status, _, error = shell.run("token", "revoke", "ci")
    assert (status, "There is no token ci that could be revoked" in error) == (2, True)
    engine = open_ledger(target_url)
    assert [one.state for one in list_tokens(engine)] == ["revoked"]
    engine.dispose()
