"""Every next step that the code can name, read from the code itself: the places where a `NextStep` is made.

A purpose is written down as a literal text, so the list of them is closed, and a place that composes one in another way
is an error here. A command has parts that only the moment knows: they stand in braces, by their names in the code.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = ("api", "migration", "producer", "worker")

_COMMANDS_MADE_BY: Final = {
    "resume": "migration-cli resume {run}",
    "cutover": "migration-cli cutover {run}",
    "cancel": "migration-cli cancel {run}",
    "psql": "psql {target} -c {statement}",
    "repeat": "migration-cli {mode} {flags of the run, changed as the purpose says}",
    "command_line": "migration-cli {command}",
    "_terminate": "SELECT pg_terminate_backend({pid})",
}
"""Function that makes a command → what it makes."""

_SPOKEN: Final = {
    "See the flags": "migration-cli {command} --help",
    "Migrate the table again, from its source": "migration-cli migrate {flags of the run} --tables {table} --if-exists"
    " replace",
    "List the tables": "migration-cli list-tables --source {source}",
    "Give the role what it lacks": "GRANT {right} ON {object} TO {role}",
    "Do what the remedy says": "migration-cli {command}",
    "Raise the limit of {whose}": "ALTER {ROLE or DATABASE} {name} CONNECTION LIMIT {connections}",
    "Unpack it": "{program} {file}",
    "Do it, and sign for what is lost": "migration-cli {mode} {flags of the run} --accept {losses}",
    "Compare again, and sign for what is lost": "migration-cli validate {flags of the run} --accept {losses}",
}
"""Purpose → its command, where that is put together out of sight of the place that names the purpose."""

_SQL: Final = re.compile(r"(SELECT|ROLLBACK|GRANT|ALTER|CREATE|DROP|REVOKE|SET|RESET|REFRESH|COMMENT)\b")
_REBUILT: Final = {"migration/error_record.py", "migration/report/error_report_builder.py"}
"""Places that also make steps again from what was stored: these have their purpose as `step["purpose"]`."""


class UnreadableStepError(Exception):
    """A `NextStep` whose purpose cannot be read from the code."""


@dataclass(frozen=True, slots=True, order=True)
class StepTemplate:
    """A next step with braces where the moment fills in; `by` says who carries it out: `convoy`, `sql` or `shell`."""

    purpose: str
    command: str
    """Empty where each moment has another one."""

    @property
    def by(self) -> str:
        """`convoy`: a command of migration-cli; `sql`: a statement for a database; `shell`: anything else."""
        if self.command.startswith("migration-cli "):
            return "convoy"
        return "sql" if _SQL.match(self.command) else "shell"


def next_step_templates() -> tuple[StepTemplate, ...]:
    """Return all of them, sorted.

    Raises:
        UnreadableStepError: one of the places composes its purpose.
    """
    found: set[StepTemplate] = set()
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "NextStep(" in text:
                found |= set(templates_in(path.relative_to(ROOT).as_posix(), ast.parse(text)))
    return tuple(sorted(found))


def templates_in(name: str, tree: ast.Module) -> Iterator[StepTemplate]:
    """Yield the steps that one file makes; `name` is its path below the checkout."""
    values = _assigned(tree)
    for node in ast.walk(tree):
        if not (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "NextStep"
        ):
            continue
        if name in _REBUILT and (len(node.args) != 2 or "step[" in ast.unparse(node.args[0])):  # noqa: PLR2004
            continue
        place = f"{name}:{node.lineno}"
        if len(node.args) != 2:  # noqa: PLR2004
            raise UnreadableStepError(f"{place}: write NextStep(purpose, command), without names of the two")
        purposes = _purposes(node.args[0], values)
        if not purposes:
            raise UnreadableStepError(f"{place}: write the purpose of {ast.unparse(node)} as a literal text")
        command = _command(node.args[1], values) or ""
        for purpose in purposes:
            yield StepTemplate(purpose, _SPOKEN.get(purpose, command))


def _assigned(tree: ast.Module) -> dict[str, list[ast.expr]]:
    """Return name → all that is assigned to it anywhere in a file, loops over dictionaries included."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found.setdefault(name, []).append(value)
            case ast.Assign(
                targets=[ast.Tuple(elts=[ast.Name(id=name), *_])], value=ast.Subscript(value=value)
            ):
                found.setdefault(name, []).append(value)
            case ast.comprehension(
                target=ast.Tuple(elts=[_, ast.Name(id=name)]), iter=ast.Call(func=ast.Attribute(value=value))
            ):
                found.setdefault(name, []).append(value)
    return found


def _purposes(node: ast.expr, values: dict[str, list[ast.expr]], depth: int = 0) -> list[str]:
    """Return the texts that an expression can be: itself, or the texts in what its name stands for."""
    if (text := _text(node)) is not None:
        return [text]
    if isinstance(node, ast.Dict):
        return [text for value in node.values for text in _purposes(value, values, depth)]
    if isinstance(node, ast.Tuple):
        return _purposes(node.elts[0], values, depth)
    if isinstance(node, ast.Name) and depth < 3:  # noqa: PLR2004
        return [text for value in values.get(node.id, ()) for text in _purposes(value, values, depth + 1)]
    return []


def _command(node: ast.expr, values: dict[str, list[ast.expr]], depth: int = 0) -> str | None:
    """Return the template of a command; None where it cannot be read."""
    if (text := _text(node, values)) is not None:
        return text
    if isinstance(node, ast.Call):
        made_by = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        return _COMMANDS_MADE_BY.get(made_by)
    if isinstance(node, ast.Name) and depth < 3:  # noqa: PLR2004
        found = (_command(value, values, depth + 1) for value in values.get(node.id, ()))
        return next((command for command in found if command is not None), None)
    return None


def _text(node: ast.expr, values: dict[str, list[ast.expr]] | None = None) -> str | None:
    """Return a literal, or an f-string with the names of its parts in braces."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append(_filled(part.value, values or {}))
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return "".join(parts)


def _filled(node: ast.expr, values: dict[str, list[ast.expr]]) -> str:
    """Return what stands for a part of an f-string: its text, where the same file has it, or its name in braces."""
    match node:
        case ast.Name(id=name) if len(values.get(name, ())) == 1 and (text := _text(values[name][0])):
            return text
        case ast.IfExp(body=ast.Constant(value=str(yes)), orelse=ast.Constant(value=str(no))):
            return f"{{{yes}|{no}}}"
    return "{" + _last_name(node) + "}"


def _last_name(node: ast.expr) -> str:
    """Return what a program may call a part: `run` for `run.id` and `run_id`, `source` for `quote(str(source))`."""
    if isinstance(node, ast.Call) and node.args:
        return _last_name(node.args[0])
    names = [
        part.attr if isinstance(part, ast.Attribute) else part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute | ast.Name)
    ]
    name = next((word for word in names if word not in {"id", "value"}), "value")
    return name.removesuffix("_id")
