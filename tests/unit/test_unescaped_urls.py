"""A password with a bare @, /, ? or # is split by libraries, which quote the parts: no URL gets as far as that."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from migration.errors import TargetUrlError, UsageError
from migration.secret_text import has_bare_password
from migration.settings import Settings
from migration.target.target_connection import place_of
from producer.cli.source_arguments import parse_sources

PARTS = ("S3cret", "Pw")
SPLIT = [f":{PARTS[0]}{sign}{PARTS[1]}@db:5432/0" for sign in "@/?#"]
WHOLE = [
    "db:5432/0",
    ":S3%40Pw@db:5432/0",
    "me@db/shop?user=me@corp",
    "me:p:w@db1:1,db2:2/shop",
    "[::1]:5432/shop?application_name=a@b",
    "/shop?host=/run&user=a@b",
    "db:5432/a@b",
]


@pytest.mark.parametrize("rest", WHOLE)
@pytest.mark.parametrize("scheme", ["postgresql", "redis"])
def test_url_that_is_read_as_it_is_meant_is_none_of_these(scheme: str, rest: str) -> None:
    assert not has_bare_password(f"{scheme}://{rest}")


@pytest.mark.parametrize("rest", [*SPLIT, *(f"me{rest}" for rest in SPLIT)])
@pytest.mark.parametrize(
    ("setting", "scheme"),
    [
        ("broker_url", "redis"),
        ("target_url", "postgresql"),
        ("stage_url", "https"),
        ("otlp_endpoint", "http"),
        ("source_urls", "https"),
    ],
)
def test_setting_is_refused_without_a_part_of_it(setting: str, scheme: str, rest: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**{setting: f"{scheme}://{rest}"}, _env_file=None)
    said = "; ".join(error["msg"] for error in refused.value.errors(include_input=False, include_url=False))
    assert "%40" in said
    assert not any(part in said for part in PARTS)


@pytest.mark.parametrize("rest", [f"me{rest}" for rest in SPLIT])
def test_target_of_a_flag_is_refused_without_a_part_of_it(rest: str) -> None:
    with pytest.raises(TargetUrlError) as refused:
        place_of(f"postgresql://{rest}")
    assert "%2F" in str(refused.value)
    assert not any(part in str(refused.value) for part in PARTS)


@pytest.mark.parametrize("label", ["", "shop="])
@pytest.mark.parametrize("rest", [f"me{rest}" for rest in SPLIT])
def test_source_of_a_flag_is_refused_without_a_part_of_it(label: str, rest: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_sources([f"{label}https://{rest}"])
    assert not any(part in str(refused.value) for part in PARTS)
