"""Celery application of the workers: `celery -A worker.app worker -Q copy`."""

from celery import signals

import migration.worker_versions  # noqa: F401  # which it is asked for over the broker
from migration.celery_logging import take_over_logging
from migration.named_targets import NamedTargets
from migration.process_settings import settings_or_exit
from migration.queue import make_app
from migration.secret_text import guard_output
from migration.steps.fitting_ledger import LOCAL_HOST, await_upgraded_ledger
from worker.pool_child import leave_group
from worker.tasks import register

guard_output()
settings = settings_or_exit()
app = make_app(settings, is_worker=True)
take_over_logging(settings, "worker")
register(app)
NamedTargets(settings)  # read before the fork: whatever becomes of the file, each child knows what was known


@signals.celeryd_after_setup.connect
def wait_for_fitting_ledger(sender: str = "", **_kwargs: object) -> None:
    """Take no message while the ledger is of another version, and none at all where that is a newer one."""
    if not sender.endswith(LOCAL_HOST):
        await_upgraded_ledger(settings)


@signals.worker_process_init.connect
def begin_child(**_kwargs: object) -> None:
    """Begin the life of a pool child."""
    leave_group()
