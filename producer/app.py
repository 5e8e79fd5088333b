"""Celery application of the producer: `celery -A producer.app worker -Q control --pool threads`."""

from migration.celery_logging import take_over_logging
from migration.queue import make_app
from migration.settings import load_settings
from producer.tasks import register

app = make_app(load_settings())
take_over_logging(load_settings(), "producer")
register(app)
