"""Celery application of the workers: `celery -A worker.app worker -Q copy`."""

from migration.queue import make_app
from migration.settings import load_settings
from worker.tasks import register

app = make_app(load_settings(), is_worker=True)
register(app)
