"""Celery application of the workers: `celery -A worker.app worker -Q copy`."""

from celery import signals

import migration.worker_versions  # noqa: F401  # which it is asked for over the broker
from migration.queue import make_app
from migration.settings import settings_or_exit
from worker.pool_child import leave_group
from worker.tasks import register

app = make_app(settings_or_exit(), is_worker=True)
register(app)


@signals.worker_process_init.connect
def begin_child(**_kwargs: object) -> None:
    """Begin the life of a pool child."""
    leave_group()
