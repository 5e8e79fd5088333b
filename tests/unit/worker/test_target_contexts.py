"""A worker's connections, for each target that its messages name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from migration.errors import TargetUnreachableError
from migration.observers.run_observer import Observers
from migration.settings import Settings
from migration.target_name_errors import TargetNameMissingError
from worker.target_contexts import TargetContexts

ENTRY = '[shop]\nurl = "postgresql://{user}@127.0.0.1:9/shop"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "targets.toml"
    path.write_text(ENTRY.format(user="first"))
    return path


@pytest.fixture
def contexts(file: Path) -> Iterator[TargetContexts]:
    settings = Settings(
        target_url="postgresql://me@127.0.0.1:9/default",  # type: ignore[arg-type]
        targets_file=file,
        _env_file=None,
    )
    made = TargetContexts(settings, "worker:1", Observers())
    yield made
    made.close()


def test_each_target_has_a_context_that_stays(contexts: TargetContexts) -> None:
    with contexts.at_work("shop") as shop, contexts.at_work("") as default:
        assert shop is not default
        assert ("shop" in shop.target_url, "default" in default.target_url) == (True, True)
    with contexts.at_work("shop") as again:
        assert again is shop


def test_entry_that_changes_gets_connections_of_its_own(contexts: TargetContexts, file: Path) -> None:
    with contexts.at_work("shop") as before:
        pass
    file.write_text(ENTRY.format(user="second"))
    with contexts.at_work("shop") as after:
        assert after is not before
        assert "second@" in after.target_url


def test_name_that_is_unknown_here_is_said_and_not_taken_for_another(
    contexts: TargetContexts, file: Path
) -> None:
    with pytest.raises(TargetNameMissingError, match="crm"), contexts.at_work("crm"):
        pass
    file.write_text("# none")
    with pytest.raises(TargetUnreachableError), contexts.at_work("shop"):
        pass


@pytest.mark.parametrize("text", ["[shop", ""])
def test_file_that_is_broken_changes_no_connections(contexts: TargetContexts, file: Path, text: str) -> None:
    context = contexts._context("shop")
    file.write_text(text)
    with contexts.at_work("shop") as same:
        assert same is context
    file.unlink()
    with contexts.at_work("shop") as same:
        assert same is context
