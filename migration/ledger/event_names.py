"""The kinds of entries in the log of a run: the only list of their names."""

from __future__ import annotations

from enum import StrEnum


class EventName(StrEnum):
    """Column `kind` of convoy.events. The API, the report and other versions read them, so they stay as they are."""

    PHASE = "phase"  # the run is in it from now on
    PLANNED = "planned"  # types are decided, the copying is laid out
    SENT = "sent"  # steps went to the workers
    RESEND = "resend"  # steps will be sent again: a worker died, or messages are gone
    STEP_FAILED = "step_failed"  # an attempt, or the last of them
    WORKER_STOPPED = "worker_stopped"  # a silent worker's connections were ended
    WAITING = "waiting"  # something holds the run up
    FAILED = "failed"  # the run stopped without proof
    PAUSED = "paused"  # somebody asked for it to stand still
    RESUME = "resume"  # somebody asked for it to go on
    CUTOVER = "cutover"  # somebody asked for the cutover
    RETRY = "retry"  # the quarantined rows were tried again
    ACT = "act"  # who has started, resumed, cut over, rolled back or purged it
    DRY_RUN = "dry_run"  # a dry-run's own estimate; written by earlier versions, still read
