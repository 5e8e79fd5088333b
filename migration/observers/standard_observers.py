"""Who is told in every process, unless it says otherwise."""

from __future__ import annotations

from typing import Final

from migration.observers.logging_observer import LoggingObserver
from migration.observers.run_observer import Observers
from migration.observers.tracing_observer import TracingObserver

STANDARD_OBSERVERS: Final = Observers(LoggingObserver(), TracingObserver())
