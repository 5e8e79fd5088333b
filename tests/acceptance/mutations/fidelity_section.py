"""Plants every mutation alone, judges it in every way, and writes what was found into docs/fidelity.md.

`make mutations`, which is `python -m tests.acceptance.mutations.fidelity_section [--page FILE]`; ends with status 1
where something was missed or wolf was cried.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.acceptance.mutations.mutation import Judgement, Mutation, Way, strays
from tests.acceptance.mutations.scene import Scene
from tests.acceptance.mutations.suite import GROUPS, group
from tests.acceptance.other_hands.hand_results import HandResult, play_hands
from tests.support.direct import quiet_steps

PAGE = Path(__file__).resolve().parents[3] / "docs" / "fidelity.md"
START = "<!-- mutations: written by make mutations -->"
END = "<!-- end of mutations -->"
_IN_A_SCENE = 60
_DIFFERENT = 1


@dataclass
class Result:
    """What came of one mutation: the ways that missed it, with the reason."""

    mutation: Mutation
    missed: dict[Way, str] = field(default_factory=dict)
    status_alone: int = _DIFFERENT


@dataclass
class Results:
    """All that was seen."""

    mutations: list[Result] = field(default_factory=list)
    wolves: list[str] = field(default_factory=list)
    """Findings about what nobody had changed."""
    hands: list[HandResult] = field(default_factory=list)

    @property
    def is_perfect(self) -> bool:
        """Whether all was found, and nothing else."""
        statuses = (r.status_alone == (0 if r.mutation.is_advice else _DIFFERENT) for r in self.mutations)
        hands = all(not h.wolves and h.found == h.lossy for h in self.hands)
        return not self.wolves and hands and all(statuses) and not any(r.missed for r in self.mutations)


def play(scenes: Iterable[Scene]) -> Results:
    """Judge each scene before and after its mutations."""
    results = Results()
    for scene in scenes:
        try:
            _play(scene, results)
        finally:
            scene.remove()
    return results


def _play(scene: Scene, results: Results) -> None:
    scene.build()
    for target in scene.targets:
        before = scene.judge(target)
        results.wolves += [f"{target.way}, untouched: {found.text}" for found in before.findings]
        if before.status:
            results.wolves.append(f"{target.way}, untouched: status {before.status}")
    scene.plant()
    judged = [scene.judge(target) for target in scene.targets]
    results.wolves += [text for judgement in judged for text in strays(judgement, scene.mutations)]
    results.mutations += [_result(scene, mutation, judged) for mutation in scene.mutations]


def _result(scene: Scene, mutation: Mutation, judged: Sequence[Judgement]) -> Result:
    result = Result(mutation, status_alone=0 if mutation.is_advice else _DIFFERENT)
    for judgement in judged:
        if judgement.way in mutation.ways and (complaints := judgement.complaints(mutation)):
            result.missed[judgement.way] = complaints[0]
    if not mutation.has_objects_of_its_own:
        result.status_alone = scene.status_alone(mutation)
    return result


def section(results: Results) -> str:
    """Return the section of the page."""
    by_subject: dict[str, list[Result]] = defaultdict(list)
    for result in results.mutations:
        by_subject[result.mutation.subject].append(result)
    found = {
        way: sum(way in r.mutation.ways and way not in r.missed for r in results.mutations) for way in Way
    }
    wanted = {way: sum(way in r.mutation.ways for r in results.mutations) for way in Way}
    right = sum(r.status_alone == (0 if r.mutation.is_advice else _DIFFERENT) for r in results.mutations)
    lines = [
        START,
        "",
        f"{len(results.mutations)} planted differences, each in a table for itself.",
        "",
        "| judged | found and named | of | cries of wolf |",
        "|---|--:|--:|--:|",
        *(
            f"| {_WORDS[way]} | {found[way]} | {wanted[way]} | {sum(w.startswith(way) for w in results.wolves)} |"
            for way in Way
        ),
        "",
        _STATUSES.format(right=right, all=len(results.mutations)),
        "",
        "| type, key or part of the schema | found in every way | advice | missed |",
        "|---|---|---|---|",
        *(_line(subject, told) for subject, told in by_subject.items()),
        "",
        *([f"- *wolf*: {_cell(wolf)}" for wolf in results.wolves] + [""] if results.wolves else []),
        *_hands(results.hands),
        END,
    ]
    return "\n".join(lines)


_STATUSES = (
    "Alone in a `validate --tables`, {right} of {all} end with the right status: 1, or 0 where the target holds all"
    " that it would, and more (*advice*)."
)
_WORDS = {
    Way.LEDGER: "in the database of the run, with its ledger",
    Way.NO_LEDGER: "in a copy without a ledger",
    Way.READ_ONLY: "in that copy, by a role that may only read",
}


def _line(subject: str, told: Sequence[Result]) -> str:
    whole = [r for r in told if not r.missed]
    missed = [f"{r.mutation.difference} ({', '.join(r.missed)})" for r in told if r.missed]
    found = [_name(r.mutation) for r in whole if not r.mutation.is_advice]
    advice = [_name(r.mutation) for r in whole if r.mutation.is_advice]
    return f"| {_cell(subject)} | {_cell('; '.join(found))} | {_cell('; '.join(advice))} | {_cell('; '.join(missed))} |"


def _name(mutation: Mutation) -> str:
    """A difference that not everybody can see says who does."""
    only = "" if len(mutation.ways) == len(Way) else f" (by {', '.join(sorted(mutation.ways))} alone)"
    return mutation.difference + only


def _hands(hands: Sequence[HandResult]) -> Iterator[str]:
    if not hands:
        return
    yield (
        f"{sum(h.targets for h in hands)} targets that others have loaded from small databases of sane types"
        " (`tests/acceptance/other_hands`):"
    )
    yield from ("", "| loaded by | targets | equal, and called so | lossy | of these found | cries of wolf |")
    yield "|---|--:|--:|--:|--:|--:|"
    for hand in hands:
        equal = hand.targets - hand.lossy - len(hand.wolves)
        yield f"| {hand.name} | {hand.targets} | {equal} | {hand.lossy} | {hand.found} | {len(hand.wolves)} |"
    yield ""
    yield from (f"- *wolf*: {_cell(wolf)}" for hand in hands for wolf in hand.wolves)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("_", "\\_").replace("*", "\\*")


def write(page: Path, written: str) -> None:
    """Put the section in the place of the one that stands in the page, or at its end."""
    text = page.read_text(encoding="utf-8")
    if START in text:
        before, _, rest = text.partition(START)
        after = rest.partition(END)[2]
        text = f"{before}{written}{after}"
    else:
        text = f"{text.rstrip()}\n\n## Planted differences\n\n{written}\n"
    page.write_text(text, encoding="utf-8")


def scenes(folder: Path, server_url: str) -> Iterator[Scene]:
    """Return all mutations, so many in a database that one `validate` takes no more than a minute or two."""
    for name in GROUPS:
        mutations = group(name, alone=True)
        for first in range(0, len(mutations), _IN_A_SCENE):
            title = f"mutants_{name}_{first}"
            yield Scene(folder / title, server_url, title, mutations[first : first + _IN_A_SCENE])


def main() -> int:
    """Run everything and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="convoy-mutations-") as name, quiet_steps():
        folder = Path(name)
        server = EmbeddedPostgres(folder / "postgres", settings={"fsync": "off"})
        server.start()
        try:
            results = play(scenes(folder, server.url))
            results.hands = play_hands(folder / "hands", server.url)
        finally:
            server.stop()
    write(arguments.page, section(results))
    return 0 if results.is_perfect else 1


if __name__ == "__main__":
    sys.exit(main())
