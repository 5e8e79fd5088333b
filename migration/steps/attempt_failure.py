"""Why an attempt at a step has failed: as an error with the place of the step, and whether it may pass."""

from __future__ import annotations

from migration.convoy_error import ConvoyError, Place
from migration.errors import RetryableError, TargetUnreachableError
from migration.ledger.step_records import Step
from migration.target.postgres_errors import translate


def reason_of(error: Exception, step: Step) -> ConvoyError:
    """Return what ended an attempt, as an error of Convoy."""
    return error if isinstance(error, ConvoyError) else translate(error, step=step.id)


def is_passing(reason: ConvoyError) -> bool:
    """Whether another attempt may succeed by itself."""
    return isinstance(reason, RetryableError | TargetUnreachableError)


def place_of_step(step: Step) -> Place:
    """Return where a step works, in the fields of an error."""
    place: Place = {"phase": step.phase.value, "step": step.id}
    if step.table is not None:
        place["table"] = step.table
    if step.chunk is not None:
        place["chunk"] = step.chunk
    if "object" in step.spec:
        place |= {"object_kind": "index", "object": str(step.spec["object"])}
    return place
