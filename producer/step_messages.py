"""How steps share messages: large ones alone, small ones together, the heaviest first."""

from __future__ import annotations

from collections.abc import Sequence

from migration.ledger.step_records import Waiting

MAX_MESSAGES = 1_000
"""Headers of one chord: each carries the chord's body, and their counter is one key of the broker."""
MAX_STEPS_PER_MESSAGE = 64
FULL_MESSAGE_BYTES = 4 * 1024 * 1024


def group_steps(waiting: Sequence[Waiting], workers: int) -> list[list[int]]:
    """Return groups of step ids, at most MAX_MESSAGES of them.

    A message is full at FULL_MESSAGE_BYTES, or at a quarter of a worker's fair share if that is less, so that
    every worker gets work. Steps that were tried before travel alone: they may be what kills their worker.
    """
    share = sum(step.weight for step in waiting) // (4 * max(workers, 1))
    full = max(1, min(FULL_MESSAGE_BYTES, share))
    most_steps = max(1, min(MAX_STEPS_PER_MESSAGE, -(-len(waiting) // (2 * max(workers, 1)))))
    most_steps = max(most_steps, -(-len(waiting) // MAX_MESSAGES))
    messages: list[list[int]] = []
    group: list[int] = []
    weight = 0
    for step in waiting:
        if step.attempts:
            messages.append([step.id])
            continue
        group.append(step.id)
        weight += step.weight
        if weight >= full or len(group) >= most_steps:
            messages.append(group)
            group, weight = [], 0
    if group:
        messages.append(group)
    return messages
