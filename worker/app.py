"""Celery application of the workers: `celery -A worker.app worker -Q copy`."""

from migration.queue import make_app
from migration.settings import settings_or_exit
from worker.tasks import register

app = make_app(settings_or_exit(), is_worker=True)
register(app)
