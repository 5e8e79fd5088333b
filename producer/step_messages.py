"""How many steps a message wakes a worker for: one large one, or many small ones; the heaviest first."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from sqlalchemy import Connection, Engine

from migration.ledger.step_records import Waiting, count_sent, name_steps
from migration.model import Phase
from migration.queue import read_waiting_calls

MAX_MESSAGES = 1_000
"""Headers of one chord: each carries the chord's body, and their counter is one key of the broker."""
MAX_STEPS_PER_MESSAGE = 64
FULL_MESSAGE_BYTES = 4 * 1024 * 1024


def group_steps(waiting: Sequence[Waiting], workers: int) -> list[int]:
    """Return the number of steps for each message, at most MAX_MESSAGES of them.

    A message is full at FULL_MESSAGE_BYTES, or at a quarter of a worker's fair share if that is less, so that
    every worker gets work. A step that was tried before has a message of its own: it may be what kills its worker.
    """
    share = sum(step.weight for step in waiting) // (4 * max(workers, 1))
    full = max(1, min(FULL_MESSAGE_BYTES, share))
    most_steps = max(1, min(MAX_STEPS_PER_MESSAGE, -(-len(waiting) // (2 * max(workers, 1)))))
    most_steps = max(most_steps, -(-len(waiting) // MAX_MESSAGES))
    counts: list[int] = []
    count = weight = 0
    for step in waiting:
        if step.attempts:
            counts.append(1)
            continue
        count += 1
        weight += step.weight
        if weight >= full or count >= most_steps:
            counts.append(count)
            count = weight = 0
    if count:
        counts.append(count)
    return counts


def leave_out_called(
    engine: Engine, broker: str, run_id: str, waiting: Sequence[Waiting]
) -> Sequence[Waiting]:
    """Return the steps that messages are to be sent for: without those whose messages still lie on the broker.

    Only steps that were sent before may have some there. Nobody has taken them, and with each look of the watchdog
    there would be more of them. Steps are marked as sent before the broker is asked: who takes a message after that
    finds them.

    Raises:
        BrokerError: the broker does not answer.
    """
    if not any(step.is_again for step in waiting):
        return waiting
    called = read_waiting_calls(broker, run_id)
    if not called:
        return waiting
    with engine.begin() as connection:
        owed = count_sent(connection, run_id) - called
    return waiting[: max(0, owed)]


def describe_messages(
    connection: Connection, phase: Phase, waiting: Sequence[Waiting], counts: Sequence[int]
) -> list[str]:
    """Return for each message what it is sent for, in words: its phase, its first step, and how many more.

    For those who watch the queue. Workers take the steps in the same order, the heaviest first, whichever message
    wakes them.
    """
    starts = [0, *accumulate(counts)][:-1]
    names = name_steps(connection, [waiting[start].id for start in starts])
    return [
        f"{phase}, {names[waiting[start].id]}" + (f" and {count - 1} more" if count > 1 else "")
        for start, count in zip(starts, counts, strict=True)
    ]
