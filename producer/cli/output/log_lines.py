"""Log lines of a command: on standard error, so that standard output stays what programs read."""

from __future__ import annotations

import logging


class _PlainWarning(logging.Formatter):
    """What a command without --verbose shows of a warning: the sentence."""

    def format(self, record: logging.LogRecord) -> str:
        from migration.log_output import one_line
        from migration.secret_text import without_secrets

        return one_line(without_secrets(record.getMessage()).rstrip())


def show_log_lines(*, verbose: bool) -> None:
    """Show what happens in this process, or without `verbose` only what somebody should know."""
    if not verbose:
        # Python's own last resort, so that nothing has to be imported for lines that hardly ever come.
        if logging.lastResort is not None:
            logging.lastResort.setFormatter(_PlainWarning())
        return
    from migration.log_output import set_up_logging
    from producer.cli.cli_settings import read_settings

    settings = read_settings()
    set_up_logging(settings, "cli")
