"""Celery application of the producer: `celery -A producer.app worker -Q control --pool threads`."""

from migration.celery_logging import take_over_logging
from migration.queue import make_app
from migration.settings import settings_or_exit
from producer.tasks import register

settings = settings_or_exit()
app = make_app(settings)
take_over_logging(settings, "producer")
register(app)
