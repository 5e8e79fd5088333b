"""Every planted difference is found, by every way of judging, and nothing else is.

The tables hold one mutation each in the long form, which `make mutations` runs and which writes docs/fidelity.md;
here those of a type share tables, so that a few calls of `validate` judge all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.mutations.mutation import EVERY_WAY, Judgement, Way, strays
from tests.acceptance.mutations.scene import Scene
from tests.acceptance.mutations.suite import GROUPS, group

EQUAL, DIFFERENT = 0, 1


@pytest.fixture(scope="module", params=GROUPS)
def scene(
    request: pytest.FixtureRequest, postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    name = str(request.param)
    built = Scene(tmp_path_factory.mktemp(name), postgres_url, f"mutants_{name}", group(name, alone=False))
    try:
        built.build()
        yield built
    finally:
        built.remove()


@pytest.fixture(scope="module")
def untouched(scene: Scene) -> dict[Way, Judgement]:
    return {target.way: scene.judge(target) for target in scene.targets}


@pytest.fixture(scope="module")
def planted(scene: Scene, untouched: dict[Way, Judgement]) -> dict[Way, Judgement]:
    assert untouched, "judged before anything is planted"
    scene.plant()
    return {target.way: scene.judge(target) for target in scene.targets}


@pytest.mark.parametrize("way", Way)
def test_untouched_target_is_equal(untouched: dict[Way, Judgement], way: Way) -> None:
    assert [found.text for found in untouched[way].findings] == []
    assert untouched[way].status == EQUAL


@pytest.mark.parametrize("way", Way)
def test_every_difference_is_found(scene: Scene, planted: dict[Way, Judgement], way: Way) -> None:
    judgement = planted[way]
    missed = [
        f"{mutation.subject}, {mutation.difference}: {complaint}"
        for mutation in scene.mutations
        if way in mutation.ways
        for complaint in judgement.complaints(mutation)
    ]
    assert missed == [], judgement.words
    assert judgement.status == DIFFERENT


@pytest.mark.parametrize("way", Way)
def test_nothing_else_is_found(scene: Scene, planted: dict[Way, Judgement], way: Way) -> None:
    assert strays(planted[way], scene.mutations) == []


def test_one_change_of_the_schema_alone_has_its_status(scene: Scene, planted: dict[Way, Judgement]) -> None:
    assert planted, "judged after everything is planted"
    wrong = {
        f"{mutation.subject}, {mutation.difference}": status
        for mutation in scene.mutations
        if not mutation.is_of_rows and mutation.ways == EVERY_WAY and not mutation.has_objects_of_its_own
        if (status := scene.status_alone(mutation)) != (EQUAL if mutation.is_advice else DIFFERENT)
    }
    assert wrong == {}
