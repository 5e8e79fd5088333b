"""Celery application of the producer: `celery -A producer.app worker -Q control --pool threads`."""

from migration.queue import make_app
from migration.secret_text import guard_output
from migration.settings import load_settings
from producer.tasks import register

guard_output()
app = make_app(load_settings())
register(app)
