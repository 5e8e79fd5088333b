"""Celery application of the workers: `celery -A worker.app worker -Q copy`."""

from migration.celery_logging import take_over_logging
from migration.queue import make_app
from migration.settings import load_settings
from worker.tasks import register

app = make_app(load_settings(), is_worker=True)
take_over_logging(load_settings(), "worker")
register(app)
