"""Fixtures for tests of real applications: each test module names its application by its own name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.applications.application_environments import (
    Environment,
    EnvironmentMissingError,
    RegistryUnreachableError,
    provide,
    read_environments,
)
from tests.applications.application_run import ApplicationRun
from tests.applications.debian_packages import library_variables

_TEST_SECONDS = 3600
"""The first test of an application builds its environment."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_TEST_SECONDS))


@pytest.fixture(scope="module")
def environment(request: pytest.FixtureRequest) -> Environment:
    """The line of environments.toml whose name the test module bears."""
    return next(one for one in read_environments().values() if one.test == request.path)


@pytest.fixture(scope="module")
def environment_folder(environment: Environment) -> Path:
    try:
        return provide(environment)
    except EnvironmentMissingError as error:
        if os.environ.get("CI") and not isinstance(error, RegistryUnreachableError):
            raise
        pytest.skip(str(error))


@pytest.fixture
def application(
    environment: Environment, environment_folder: Path, tmp_path: Path, target_url: str
) -> ApplicationRun:
    """The application of this test module, with an empty PostgreSQL database and a folder of its own."""
    variables = library_variables(environment_folder) if environment.kind == "apt" else {}
    return ApplicationRun(environment_folder, tmp_path, target_url, dict(variables))
