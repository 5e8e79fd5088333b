from __future__ import annotations

import pytest
from pydantic import ValidationError

from api.request_models import RunRequest
from migration.mapping_file_model import OnOrphan
from migration.model import Mode, Source
from migration.run_options import RunOptions


def options_of(**options: object) -> RunOptions:
    request = RunRequest.model_validate({"sources": ["shop.db"], "options": options})
    return request.run_options(Mode.MIGRATE, (Source("shop", "shop.db"),), "")


@pytest.mark.parametrize("choice", OnOrphan)
def test_choice_for_orphan_rows_reaches_the_run(choice: OnOrphan) -> None:
    assert options_of(on_orphan=choice.value).on_orphan is choice


def test_orphan_rows_stay_unless_somebody_says_otherwise() -> None:
    assert options_of().on_orphan is OnOrphan.NOT_VALID


def test_mapping_of_a_request_may_say_it_for_one_table() -> None:
    mapping = options_of(mapping={"tables": {"book": {"on_orphan": "quarantine"}}}).mapping
    assert mapping is not None
    assert mapping.tables[0].on_orphan is OnOrphan.QUARANTINE


def test_word_that_is_no_choice_is_refused() -> None:
    with pytest.raises(ValidationError, match="not-valid"):
        options_of(on_orphan="delete")
