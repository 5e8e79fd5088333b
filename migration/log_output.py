"""How log lines look, and where they go: standard error of each process, as text or as one JSON object a line.

JSON is made by structlog. Text is made here, without it: importing it takes as long as a tenth of starting a local
cluster, which shows text only. Both go through `without_secrets`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import MutableMapping
from logging.handlers import WatchedFileHandler
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final

from migration.log_context import bound_fields
from migration.secret_text import remember_secrets, without_secrets

if TYPE_CHECKING:  # slow to import, and who has settings has imported it
    from migration.settings import Settings

logger = logging.getLogger(__name__)

CELERY_LINES: Final = ("celery.worker.strategy", "celery.app.trace")
"""Loggers that say of each message that it was received, and how its task ended."""
_CHORDS: Final = "celery.backends.redis"
_QUIET: Final = ("asyncio", "botocore", "fsspec", "kombu", "s3fs", "urllib3")
"""Libraries whose debug lines are about themselves."""
_TRACE_INDENT: Final = "  "
"""No line of a traceback, whose message may hold anything, begins as a line of the log does."""


def set_up_logging(
    settings: Settings, process: str, *, level: int | str | None = None, file: str | None = None
) -> None:
    """Let all log lines of this process go to standard error, or to a file; doing it again replaces the first.

    Args:
        settings: level and format; their secrets show in no line.
        process: what this process is, as lines name it: ``api``, ``producer``, ``worker``, ``cli``.
        level: instead of that of the settings.
        file: path, instead of standard error.
    """
    remember_secrets(settings.secrets())
    stream = sys.stderr
    handler: logging.Handler = WatchedFileHandler(file) if file else logging.StreamHandler(stream)
    handler.setFormatter(_formatter(settings, process, stream, to_file=bool(file)))
    handler.addFilter(_no_routine)
    root = logging.getLogger()
    for old in list(root.handlers):
        if getattr(old, "is_convoys", False):
            root.removeHandler(old)
            old.close()
    handler.is_convoys = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    root.setLevel(_level(level if level is not None else settings.log_level))
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_end
    sys.unraisablehook = _log_ignored
    threading.excepthook = _log_end_of_thread


def _log_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log what ends the process; the interpreter would write a traceback, which is no line of a log."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logger.critical("The process ends: %s: %s", kind.__name__, error, exc_info=(kind, error, trace))


def _log_ignored(unraisable: sys.UnraisableHookArgs) -> None:
    """Log what nobody can catch: an exception while an object was collected, or as the interpreter ends."""
    error = unraisable.exc_value or unraisable.exc_type()
    words = unraisable.err_msg or "An exception was ignored"
    logger.error(
        "%s: %s, in %r",
        words,
        type(error).__name__,
        unraisable.object,
        exc_info=(type(error), error, unraisable.exc_traceback),
    )


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    """Log what ends a thread, apart from its being told to end."""
    if issubclass(ended.exc_type, SystemExit):
        return
    error = ended.exc_value or ended.exc_type()
    name = ended.thread.name if ended.thread is not None else "?"
    logger.critical(
        "The thread %s ends: %s: %s",
        name,
        type(error).__name__,
        error,
        exc_info=(type(error), error, ended.exc_traceback),
    )


def uses_json(settings: Settings, stream: IO[str] | None = None) -> bool:
    """Return whether lines are JSON: by setting, or for `auto` where no terminal reads them."""
    if settings.log_format == "auto":
        return not (stream or sys.stderr).isatty()
    return settings.log_format == "json"


def _level(level: int | str) -> int:
    if isinstance(level, int):
        return level
    return logging.getLevelNamesMapping().get(level.upper(), logging.INFO)


def _no_routine(record: logging.LogRecord) -> bool:
    """Make of Celery's lines about each message what they are, lines for debugging: ours name run, table and chunk.

    What Celery itself calls a warning or worse stays. A failed header of a chord is no news: the step has failed,
    and a line of ours says so.
    """
    is_routine = record.name in CELERY_LINES and record.levelno <= logging.INFO
    if is_routine or (record.name == _CHORDS and "StepsFailedError" in record.getMessage()):
        record.levelno, record.levelname = logging.DEBUG, logging.getLevelName(logging.DEBUG)
        record.exc_info = None
        return logging.getLogger().isEnabledFor(logging.DEBUG)
    return True


def _formatter(settings: Settings, process: str, stream: IO[str], *, to_file: bool) -> logging.Formatter:
    is_json = settings.log_format == "json" if to_file else uses_json(settings, stream)
    return _json_formatter(process) if is_json else TextLine(process)


class TextLine(logging.Formatter):
    """One line for people: time, level, process, what happened, and the fields that it does not name itself.

    What strangers send (a path, a name, an exception's message) makes no line of its own and moves no terminal.
    """

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, with a traceback below it, indented, where there is one."""
        told = record.getMessage().rstrip()  # warnings end with a line break
        more = [f"{name}={value}" for name, value in bound_fields().items() if not _names(told, str(value))]
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(record.created))
        line = f"{clock}.{int(record.msecs):03d}Z {record.levelname} {self._process}[{os.getpid()}] {_tellable(told)}"
        if more:
            line += f" [{_tellable(' '.join(more))}]"
        if record.exc_info and record.exc_info[0] is not None:
            trace = without_secrets(self.formatException(record.exc_info))
            line += "".join(f"\n{_TRACE_INDENT}{one_line(part)}" for part in trace.split("\n"))
        return without_secrets(line)


def one_line(text: str) -> str:
    r"""Return a text without what a terminal or a reader of lines obeys: those characters as `\n`, `\x1b`, `\u202e`."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def _tellable(text: str) -> str:
    """Secrets go first: some have line breaks, which escapes would hide from their pattern."""
    return one_line(without_secrets(text))


def _names(words: str, value: str) -> bool:
    return len(value) > 1 and value in words


def _json_formatter(process: str) -> logging.Formatter:
    import structlog

    def add_what_is_known(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        """Fields of the context, and who says it."""
        return {**event, "process": process, "pid": os.getpid(), **bound_fields()}

    def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        """Before the values are written as JSON, whose escapes would hide a secret from its pattern."""
        return {
            name: without_secrets(value) if isinstance(value, str) else value for name, value in event.items()
        }

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            add_what_is_known,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
