from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from migration.target.target_connection import make_engine
from tests.support.replacement import Replacement


@pytest.fixture
def engine(target_url: str) -> Iterator[Engine]:
    opened = make_engine(target_url, "test")
    yield opened
    opened.dispose()


@pytest.fixture(scope="module")
def roles(postgres_url: str) -> Iterator[tuple[str, str, str]]:
    names = tuple(f"{word}_{uuid.uuid4().hex[:8]}" for word in ("mover", "team", "other"))
    mover, team, other = names
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {mover} LOGIN; CREATE ROLE {team}; CREATE ROLE {other}".encode())
        connection.execute(f"GRANT {team} TO {mover}".encode())
    yield mover, team, other
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP ROLE {', '.join(names)}".encode())


def opened(postgres_url: str, database: str, mover: str, folder: Path) -> Replacement:
    owner_url = postgres_url.replace("/postgres?", f"/{database}?", 1)
    return Replacement(owner_url.replace("//postgres@", f"//{mover}@"), owner_url, folder)


@contextmanager
def database_like(postgres_url: str, template: str, owner: str) -> Iterator[str]:
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}".encode())
        yield name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture(scope="module")
def template(
    postgres_url: str, roles: tuple[str, str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with database_like(postgres_url, "template0", roles[0]) as name:
        first = opened(postgres_url, name, roles[0], tmp_path_factory.mktemp("shop"))
        first.begin()
        first.close()
        yield name


@pytest.fixture
def shop(
    postgres_url: str, template: str, roles: tuple[str, str, str], tmp_path: Path
) -> Iterator[Replacement]:
    with database_like(postgres_url, template, roles[0]) as name:
        replacement = opened(postgres_url, name, roles[0], tmp_path)
        yield replacement
        replacement.close()
