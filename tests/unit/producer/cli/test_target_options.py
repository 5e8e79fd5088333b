"""Which target the flags, the environment and the defaults amount to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from migration.errors import UsageError
from migration.settings import Settings
from producer.cli.doctor.check_result import Health
from producer.cli.doctor.target_checks import check_target_names
from producer.cli.output.command_lines import command_line, fit_command, program
from producer.cli.target_options import Target, TargetFlags, choose_target


def settings(url: str | None = None, password: str | None = None) -> Settings:
    return Settings(
        _env_file=None,
        target_url=None if url is None else SecretStr(url),
        target_password=None if password is None else SecretStr(password),
        embedded_dir=Path("nowhere"),
    )


@pytest.mark.parametrize(
    ("flags", "stored", "url"),
    [
        (TargetFlags(), None, "postgresql://postgres@localhost:5432/educational_apps"),
        (TargetFlags(), "postgresql://me@db/shop", "postgresql://me@db/shop"),
        (TargetFlags(database="shop"), "postgresql://me@db/x", "postgresql://postgres@localhost:5432/shop"),
        (TargetFlags(host="db", port=6543, user="me", database="s"), None, "postgresql://me@db:6543/s"),
        (TargetFlags(user="m@e", database="a/b c"), None, "postgresql://m%40e@localhost:5432/a%2Fb%20c"),
        (TargetFlags(host="::1"), None, "postgresql://postgres@[::1]:5432/educational_apps"),
        (
            TargetFlags(host="/run/pg"),
            None,
            "postgresql://postgres@/educational_apps?host=/run/pg&port=5432",
        ),
        (TargetFlags(url="postgres://me@db/shop"), "postgresql://other", "postgres://me@db/shop"),
        (TargetFlags(url="embedded", database="shop"), None, "embedded"),
    ],
)
def test_flags_win_over_environment_over_defaults(flags: TargetFlags, stored: str | None, url: str) -> None:
    assert choose_target(flags, settings(stored)).url == url


def test_the_password_comes_from_the_flag_or_the_environment() -> None:
    assert choose_target(TargetFlags(), settings()).password is None
    assert choose_target(TargetFlags(), settings(password="env")).password == "env"
    assert choose_target(TargetFlags(password="flag"), settings(password="env")).password == "flag"


def test_no_password_is_among_the_words_to_repeat() -> None:
    target = choose_target(TargetFlags(url="postgresql://me:secret@db/shop"), settings())
    assert (
        command_line(target, "resume", "0198")
        == "migration-cli resume 0198 --target-url postgresql://me@db/shop"
    )


def test_a_target_of_the_environment_needs_no_flags() -> None:
    target = choose_target(TargetFlags(), settings("postgresql://me@db/shop"))
    assert command_line(target, "resume", "0198") == "migration-cli resume 0198"


@pytest.mark.parametrize(
    "flags",
    [
        TargetFlags(url="postgresql:///x", host="db"),
        TargetFlags(url="postgresql:///x", database="y"),
        TargetFlags(url="embedded", user="me"),
        TargetFlags(url="mysql://db/x"),
        TargetFlags(url=""),
    ],
)
def test_contradictions_are_refused(flags: TargetFlags) -> None:
    with pytest.raises(UsageError):
        choose_target(flags, settings())


EMBEDDED = Target("embedded", "shop", None, ("--target-url", "embedded", "--target-db", "shop"))
REMOTE = Target("postgresql://me@db/shop", "", None, ("--target-url", "postgresql://me@db/shop"))
SOCKET = "'postgresql://postgres@/shop?host=/run/x'"


@pytest.mark.parametrize(
    ("line", "target", "fitted"),
    [
        (
            "migration-cli resume 01",
            EMBEDDED,
            "migration-cli resume 01 --target-url embedded --target-db shop",
        ),
        (
            f"migration-cli validate --source a=b.db --target-url {SOCKET} --tables x",
            EMBEDDED,
            "migration-cli validate --source a=b.db --tables x --target-url embedded --target-db shop",
        ),
        (f"psql {SOCKET} -c '\\dt'", EMBEDDED, "migration-cli psql --target-db shop -c '\\dt'"),
        ("psql postgresql://me@db/shop -c '\\dt'", REMOTE, "psql postgresql://me@db/shop -c '\\dt'"),
        ("SELECT 'it''s' FROM t", REMOTE, "SELECT 'it''s' FROM t"),
        ("-- don't", REMOTE, "-- don't"),
    ],
)
def test_commands_to_paste_reach_the_target(line: str, target: Target, fitted: str) -> None:
    assert fit_command(line, target) == fitted


def test_commands_to_type_carry_the_path_where_the_program_is_not_on_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/migration-cli"])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program() == ".venv/bin/migration-cli"
    (tmp_path / "migration-cli").write_text("#!/bin/sh\n")
    (tmp_path / "migration-cli").chmod(0o755)
    assert program() == "migration-cli"


@pytest.fixture
def named(tmp_path: Path) -> Settings:
    """Settings with a file of targets."""
    file = tmp_path / "targets.toml"
    (tmp_path / "shop.password").write_text("of-the-shop-1")
    file.write_text('[shop]\nurl = "postgresql://me@db/shop"\npassword_file = "shop.password"\n')
    return Settings(
        target_url="postgresql://me@here/default",  # type: ignore[arg-type]
        target_password="of-the-default",  # type: ignore[arg-type]
        targets_file=file,
        _env_file=None,
    )


def test_name_says_all_there_is_to_say_of_a_target(named: Settings) -> None:
    target = choose_target(TargetFlags(name="shop"), named)
    assert (target.url, target.password) == ("postgresql://me@db/shop", "of-the-shop-1")
    assert (target.name, target.flags) == ("shop", ("--target", "shop"))


def test_default_target_may_be_named_and_has_no_name_in_messages(named: Settings) -> None:
    target = choose_target(TargetFlags(name="default"), named)
    assert (target.url, target.password) == ("postgresql://me@here/default", "of-the-default")
    assert (target.name, target.flags) == ("", ("--target", "default"))


@pytest.mark.parametrize(
    "more", [{"url": "postgresql://me@x/y"}, {"host": "h"}, {"password": "p"}, {"database": "d"}]
)
def test_name_goes_with_no_other_flag_of_the_target(named: Settings, more: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--target names a target whole"):
        choose_target(TargetFlags(name="shop", **more), named)  # type: ignore[arg-type]


def test_doctor_looks_at_the_file_of_targets(named: Settings) -> None:
    (found,) = check_target_names(named)
    assert (found.health, "shop" in found.found) == (Health.OK, True)
    assert named.targets_file is not None
    named.targets_file.write_text("[shop]\nurl = 3\n")
    (found,) = check_target_names(named)
    assert (found.health, "has no URL" in found.found) == (Health.FAILED, True)
    assert check_target_names(Settings(_env_file=None)) == []
