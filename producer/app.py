"""Celery application of the producer: `celery -A producer.app worker -Q control --pool threads`."""

from threading import Thread

from celery import signals

from migration.celery_logging import take_over_logging
from migration.process_settings import settings_or_exit
from migration.queue import make_app
from migration.secret_text import guard_output
from migration.steps.fitting_ledger import LOCAL_HOST, leave_newer_ledger
from migration.worker_versions import warn_of_other_versions
from producer.tasks import register

guard_output()
settings = settings_or_exit()
app = make_app(settings)
take_over_logging(settings, "producer")
register(app)


@signals.celeryd_after_setup.connect
def stay_away_from_newer_ledger(sender: str = "", **_kwargs: object) -> None:
    """End, where the ledger is of a newer version; an older one is upgraded when it is opened."""
    if not sender.endswith(LOCAL_HOST):
        leave_newer_ledger(settings)


@signals.worker_ready.connect
def look_for_other_versions(sender: object = None, **_kwargs: object) -> None:
    """Look once, beside the work: an upgrade may have left processes behind."""
    if not str(getattr(sender, "hostname", "")).endswith(LOCAL_HOST):
        Thread(target=warn_of_other_versions, args=(app,), name="versions", daemon=True).start()
