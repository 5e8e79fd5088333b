"""Celery application of the producer: `celery -A producer.app worker -Q control --pool threads`."""

import migration.worker_versions  # noqa: F401  # which it is asked for over the broker
from migration.queue import make_app
from migration.settings import settings_or_exit
from producer.tasks import register

app = make_app(settings_or_exit())
register(app)
