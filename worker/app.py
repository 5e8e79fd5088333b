"""Celery application of the workers: `celery -A worker.app worker -Q copy`."""

from migration.queue import make_app
from migration.secret_text import guard_output
from migration.settings import load_settings
from worker.tasks import register

guard_output()
app = make_app(load_settings(), is_worker=True)
register(app)
