"""Commands that name one of a cluster's databases, and the page that tells how."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from redis import Redis

from tests.support.api import TOKEN
from tests.support.documentation import SEVERAL_TARGETS_PAGE, blocks_of
from tests.support.documentation_scenario import Scenario, Script
from tests.support.several_targets import PASSWORD, SeveralTargets, await_true
from tests.support.shell import Shell, make_database


@pytest.fixture
def shell(targets: SeveralTargets, tmp_path: Path) -> Shell:
    there = Shell(tmp_path, targets.urls["default"])
    there.environment["MIGRATION_BROKER_URL"] = targets.cluster.broker_url
    there.environment["MIGRATION_TARGETS_FILE"] = str(targets.file)
    make_database(tmp_path / "cli.db", rows=10)
    return there


def test_command_names_a_target_of_the_cluster(targets: SeveralTargets, shell: Shell) -> None:
    status, out, err = shell.run(
        "migrate", "--source", "cli.db", "--target", "crm", "--target-schema", "cli", "--hold"
    )
    assert status == 0, err
    assert "--target crm" in out + err
    assert PASSWORD not in out + err
    run_id = targets.query(
        "crm", "SELECT id::text FROM convoy.runs WHERE options ->> 'target_schema' = 'cli'"
    )[0][0]
    status, out, err = shell.run("status", run_id, "--target", "crm")
    assert (status, "Target    crm: postgresql://" in out) == (0, True), err
    status, out, err = shell.run("cutover", run_id, "--target", "crm")
    assert status == 0, err
    assert targets.query("crm", "SELECT count(*) FROM cli.book") == [(10,)]
    status, out, err = shell.run("rollback", run_id, "--target", "crm")
    assert status == 0, err


def test_command_that_names_the_url_of_a_named_target_reaches_it_on_the_cluster(
    targets: SeveralTargets, shell: Shell
) -> None:
    await_true(
        lambda: _announced(targets) == {"crm", "shop"}, "the producer has not said which names it knows"
    )
    del shell.environment["MIGRATION_TARGETS_FILE"]
    shop = ("--target-url", targets.urls["shop"])
    status, _, err = shell.run("migrate", "--source", "cli.db", *shop, "--target-schema", "by_url")
    assert status == 0, err
    assert targets.query("shop", "SELECT count(*) FROM by_url.book") == [(10,)]
    assert targets.query(
        "shop", "SELECT options ->> 'target_name' FROM convoy.runs ORDER BY id DESC LIMIT 1"
    ) == [("shop",)]


def _announced(targets: SeveralTargets) -> set[str]:
    with Redis.from_url(targets.cluster.broker_url, decode_responses=True) as client:
        fields = client.hkeys("convoy:target")
    return {field.removeprefix("identity:") for field in fields if field.startswith("identity:")}


def test_command_of_its_own_cluster_works_for_the_target_that_it_names_alone(
    targets: SeveralTargets, shell: Shell
) -> None:
    del shell.environment["MIGRATION_BROKER_URL"]
    status, _, err = shell.run(
        "migrate", "--source", "cli.db", "--target", "shop", "--target-schema", "alone", "--workers", "1"
    )
    assert status == 0, err
    assert targets.query("shop", "SELECT count(*) FROM alone.book") == [(10,)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--target", "nobody"), "There is no target 'nobody'. Name one of default, crm, shop."),
        (("--target", "shop", "--target-db", "x"), "--target names a target whole, beside --target-db"),
        (("--target", "postgresql://me:hunter22@db/shop"), "A target is a name, and this is none"),
    ],
)
def test_command_is_told_which_targets_there_are(
    shell: Shell, arguments: tuple[str, ...], sentence: str
) -> None:
    status, _, err = shell.run("status", *arguments)
    assert (status, sentence in err) == (2, True), err
    assert "hunter22" not in err


def test_tokens_are_those_of_the_default_target(shell: Shell) -> None:
    status, _, err = shell.run("token", "list", "--target", "shop")
    assert (status, "ledger of the default target alone" in err) == (2, True), err


def test_page_says_what_is_so(targets: SeveralTargets, tmp_path: Path) -> None:
    targets.source("shop")
    scenario = Scenario(
        tmp_path,
        targets.urls["default"],
        MIGRATION_API_TOKEN=TOKEN,
        MIGRATION_BROKER_URL=targets.cluster.broker_url,
        MIGRATION_TARGET_URL=targets.urls["default"],
        MIGRATION_TARGETS_FILE=str(targets.file),
    )
    make_database(tmp_path / "crm.db", rows=10)
    script = Script(placeholders={"http://127.0.0.1:8000": str(targets.client.base_url).rstrip("/")})
    scenario.play(SEVERAL_TARGETS_PAGE, script)
    assert targets.query("crm", "SELECT phase FROM convoy.runs ORDER BY id DESC LIMIT 1") == [
        ("rolled_back",)
    ]
    (written,) = [block.text for block in blocks_of(SEVERAL_TARGETS_PAGE) if block.file_name]
    assert set(tomllib.loads(written)) == {"shop", "crm"}
