"""Where targets have names, the dashboard lets one be chosen and says into which one a run goes."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from playwright.sync_api import Browser, expect
from pydantic import SecretStr

from tests.support.api import TOKEN, api_settings
from tests.support.browser_pages import SCHEMES, WIDTHS, new_page
from tests.support.several_targets import V1, serving_api


@pytest.fixture
def other_url(postgres_url: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0'.encode())
        yield postgres_url.replace("/postgres?", f"/{name}?", 1)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture
def client(
    browser: Browser, target_url: str, other_url: str, valkey_url: str, tmp_path: Path
) -> Iterator[httpx.Client]:
    assert browser.is_connected()
    file = tmp_path / "targets.toml"
    gone = "postgresql://nobody@127.0.0.1:9/none?connect_timeout=1"
    file.write_text(f'[shop]\nurl = "{other_url}"\n[gone]\nurl = "{gone}"\n')
    root = tmp_path / "sources"
    root.mkdir()
    with closing(sqlite3.connect(root / "school.db")) as connection:
        connection.execute("CREATE TABLE pupil (id INTEGER PRIMARY KEY)")
    known = {"target_url": SecretStr(target_url), "broker_url": valkey_url, "targets_file": file}
    with serving_api(api_settings(root).model_copy(update=known)) as serving:
        yield serving


def test_target_is_chosen_in_the_form_and_named_in_the_list(browser: Browser, client: httpx.Client) -> None:
    sent: list[Any] = []
    context, watched = new_page(browser, str(client.base_url).rstrip("/"))
    page = watched.page
    page.on(
        "request", lambda request: sent.append(request.post_data_json) if request.method == "POST" else None
    )
    watched.sign_in(TOKEN)
    # One that does not answer is said, and the list goes on
    expect(page.get_by_role("status").filter(has_text="target gone does not answer")).to_be_visible()

    page.get_by_role("link", name="New run").first.click()
    page.get_by_role("checkbox", name="school.db").check()
    choice = page.locator("select[name=target]")
    expect(choice.locator("option")).to_have_text(["default", "gone (does not answer)", "shop"])
    choice.select_option("shop")
    page.get_by_role("button", name="Dry-run").click()
    expect(page.get_by_role("button", name="Trying")).to_be_visible()
    assert [body["target"] for body in sent] == ["shop"]

    watched.open("#/runs")
    expect(page.get_by_text("dry-run into shop, schema public")).to_be_visible()
    (run,) = client.get(V1).json()["runs"]
    watched.open(f"#/runs/{run['run_id']}")
    expect(page.get_by_text("dry-run into shop")).to_be_visible()
    watched.check_quiet()
    context.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_choice_and_note_are_accessible(browser: Browser, client: httpx.Client, scheme: str) -> None:
    for width in WIDTHS:
        context, watched = new_page(browser, str(client.base_url).rstrip("/"), width=width, scheme=scheme)
        watched.sign_in(TOKEN)
        expect(watched.page.get_by_role("status").filter(has_text="does not answer")).to_be_visible()
        watched.check_accessible(f"the list, {width} px, {scheme}")
        watched.open("#/start")
        expect(watched.page.locator("select[name=target]")).to_be_visible()
        watched.check_accessible(f"the form, {width} px, {scheme}")
        context.close()
