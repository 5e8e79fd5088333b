"""Celery application of the producer: `celery -A producer.app worker -Q control --pool threads`."""

import migration.worker_versions  # noqa: F401  # which it is asked for over the broker
from migration.celery_logging import take_over_logging
from migration.queue import make_app
from migration.secret_text import guard_output
from migration.settings import settings_or_exit
from producer.tasks import register

guard_output()
settings = settings_or_exit()
app = make_app(settings)
take_over_logging(settings, "producer")
register(app)
