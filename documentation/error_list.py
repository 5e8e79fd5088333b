"""docs/errors.json and docs/reference/next-steps.md: every error and every next step, as lists that are closed.

What an error means and what to do about it is written once, in the tables of docs/errors.md; class, exit status, answer
over HTTP and whether trying again makes sense come from the code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from api.problem_kinds import OWN_PROBLEMS, OWN_RETRYABLE, ProblemKind, kinds_of, problem_kind
from documentation.markdown_parts import code, page, table
from documentation.next_step_reader import next_step_templates
from migration.convoy_error import ConvoyError, Place
from migration.error_record import error_classes
from migration.errors import RetryableError
from migration.exit_status import ExitStatus

ERRORS_PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "errors.md"
_ROW: Final = re.compile(r"\| `[a-z-]+` \|.*\| \d+ \| \d{3} ")
_OWN_ROW: Final = re.compile(r"\| `[a-z-]+` \| \d{3} \|")
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_BY: Final = {"convoy": "Convoy's command line", "sql": "SQL", "shell": "a shell"}
WORK_FIELDS: Final = ("run", "step", "database", "server", "schema", "table", "object_kind", "object")
"""What *work* stands for in the tables of docs/errors.md."""


def errors_json() -> str:
    """Return docs/errors.json.

    `errors`: for each `code` its class, the narrower meaning of which base (`is_a`), exit status, all answers over HTTP
    (`http`: `status` and `problem` of each, the most common one first), whether the same request may succeed later
    (`retryable`), the fields that say where, meaning and remedy. Class, base and exit status are null for what the API
    alone answers with.
    `next_steps`: for each purpose the template of its command and who carries it out (`by`).
    `exit_statuses`: all that a command can end with.
    """
    document = {
        "exit_statuses": {status.name.lower(): int(status) for status in ExitStatus},
        "fields": list(Place.__annotations__),
        "errors": _errors(),
        "next_steps": [
            {"purpose": step.purpose, "by": step.by, "command": step.command or None}
            for step in next_step_templates()
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _errors() -> list[dict[str, Any]]:
    rows = _rows()
    of_domain = [_error(kind, rows.get(kind.code, ["", "", ""])) for kind in error_classes()]
    own = _own_rows()
    of_api = [_own_error(name, own.get(name, ["", ""])) for name in OWN_PROBLEMS]
    return sorted([*of_domain, *of_api], key=lambda error: str(error["code"]))


def _rows() -> dict[str, list[str]]:
    """Return code → fields, meaning and remedy, of the tables of docs/errors.md."""
    lines = (line for line in ERRORS_PAGE.read_text(encoding="utf-8").splitlines() if _ROW.match(line))
    split = ([part.strip() for part in line.strip("|").split("|")] for line in lines)
    return {row[0].strip("`"): row[4:] for row in split}


def _own_rows() -> dict[str, list[str]]:
    """Return code → meaning and remedy, of the table of docs/errors.md for what the API alone answers with."""
    lines = (line for line in ERRORS_PAGE.read_text(encoding="utf-8").splitlines() if _OWN_ROW.match(line))
    split = ([part.strip() for part in line.strip("|").split("|")] for line in lines)
    return {row[0].strip("`"): row[2:] for row in split}


def _own_error(name: str, row: list[str]) -> dict[str, Any]:
    meaning, remedy = row
    return {
        "code": name,
        "class": None,
        "is_a": None,
        "exit_status": None,
        **_answers([problem_kind(name)]),
        "retryable": name in OWN_RETRYABLE or _is_outage([problem_kind(name)]),
        "fields": [],
        "meaning": _plain(meaning),
        "remedy": _plain(remedy),
    }


def http_words(kind: type[ConvoyError]) -> str:
    """Return what an error is over HTTP as docs/errors.md writes it: ``409 target-conflict, rollback-refused``."""
    by_status: dict[int, list[str]] = {}
    for found in kinds_of(kind):
        by_status.setdefault(int(found.status), []).append(found.name)
    return "; ".join(f"{status} {', '.join(names)}" for status, names in by_status.items())


def _error(kind: type[ConvoyError], row: list[str]) -> dict[str, Any]:
    fields, meaning, remedy = row
    named = re.findall(r"`([a-z_]+)`", fields) + (list(WORK_FIELDS) if "*work*" in fields else [])
    base = kind.__mro__[1]
    return {
        "code": kind.code,
        "class": kind.__name__,
        "is_a": base.code if issubclass(base, ConvoyError) else None,
        "exit_status": int(kind.exit_status),
        **_answers(kinds_of(kind)),
        "retryable": issubclass(kind, RetryableError) or _is_outage(kinds_of(kind)),
        "fields": [field for field in Place.__annotations__ if field in named],
        "meaning": _plain(meaning),
        "remedy": _plain(remedy),
    }


def _answers(kinds: Sequence[ProblemKind]) -> dict[str, Any]:
    """Return the answer that an error has mostly, and all that it may have."""
    return {
        "http_status": int(kinds[0].status),
        "problem": kinds[0].name,
        "http": [{"status": int(found.status), "problem": found.name} for found in kinds],
    }


def _is_outage(kinds: Iterable[ProblemKind]) -> bool:
    """Whether it is answered with 503, which says that the same request may be sent again (RFC 9110, 15.6.4)."""
    return any(found.status is HTTPStatus.SERVICE_UNAVAILABLE for found in kinds)


def _plain(text: str) -> str:
    return _LINK.sub(r"\1", text)


def next_steps_page() -> str:
    """Return docs/reference/next-steps.md."""
    rows = [
        (
            step.purpose,
            _BY[step.by] if step.command else "a person",
            code(step.command) or "another one each time",
        )
        for step in next_step_templates()
    ]
    return page(
        "Next steps",
        "An [error](../errors.md), a report and the answers of the API name what to type next, as `purpose` and"
        " `command`. These are all of them. Parts in braces are filled in by the moment: a command that arrives has"
        " none. [errors.json](../errors.json) is this list, and that of the errors, for programs.",
        table(("purpose", "typed into", "command"), rows),
    )
