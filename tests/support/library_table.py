"""What widely used libraries write into SQLite (docs/libraries.toml), and the page that is made of it.

`python -m tests.support.library_table` writes the page, docs/libraries.md.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"
DATA = DOCS / "libraries.toml"
PAGE = DOCS / "libraries.md"
KINDS = (
    "timestamp", "date", "time", "duration", "boolean", "uuid", "decimal", "enum", "array", "json", "binary",
)  # fmt: skip
_HEAD = """\
# What libraries write into SQLite

SQLite has no type for a date, a boolean or a UUID, so each library has its own way to write one. This is what the
widely used ones write, what a migration makes of it, and what `--data-only` makes of it in the type that the library's
own PostgreSQL dialect has. Every row is a test: its value is migrated and loaded
(`tests/acceptance/test_library_values.py`). The page is made of [libraries.toml](libraries.toml) by
`python -m tests.support.library_table`.

- *Plain* is the type that a migration chooses for a column that holds such values. Times in columns that are declared
  as texts or numbers stay texts or numbers there, unless a [mapping file](mapping.md#mapping-file) says otherwise.
- *Loaded* is what stands in the type of the library's dialect, in UTC. `epoch` is what a
  [mapping file](mapping.md#epochs) has to say of the column; *open* is what does not come over so yet.
- *Loss* is what cannot be had back from it ([losses](mapping.md#losses)); it costs status 0 unless somebody signs.
"""
_TITLES = "| what | declared | in the file | plain | loaded | loss |\n|---|---|---|---|---|---|"


@dataclass(frozen=True)
class LibraryValue:
    """One value as one library writes it; docs/libraries.toml tells the fields. `number` names its table."""

    number: int
    library: str
    source: str
    kind: str
    declared: str
    storage_class: str
    value: str
    plain: str
    target: str
    loaded: str
    loss: frozenset[str]
    column: str
    key: str
    epoch: str

    @property
    def table(self) -> str:
        """The name of its table."""
        return f"v{self.number:03}"


def library_values() -> list[LibraryValue]:
    """Return all rows of the table, in its order."""
    numbers = count(1)
    return [
        LibraryValue(
            next(numbers),
            library["name"],
            library["source"],
            value["kind"],
            value["declared"],
            value["class"],
            value["value"],
            value["plain"],
            value["target"],
            value["loaded"],
            frozenset(value.get("loss", "").split()),
            value.get("column", "v"),
            value.get("key", "id"),
            value.get("epoch", ""),
        )
        for library in _document()["library"]
        for value in library["values"]
    ]


def page_text() -> str:
    """Return the page."""
    by_library: dict[str, list[LibraryValue]] = {}
    for value in library_values():
        by_library.setdefault(value.library, []).append(value)
    parts = [_HEAD]
    for library, values in by_library.items():
        parts += [f"## {library}", f"From {values[0].source}\n", _TITLES]
        parts += [_row(value) for value in values]
        parts.append("")
    return "\n".join(parts)


def _row(value: LibraryValue) -> str:
    name = "" if value.column == "v" else f" ({value.column})"
    epoch = f', `epoch = "{value.epoch}"`' if value.epoch else ""
    cells = (
        f"{value.kind}{name}",
        f"`{value.declared}`",
        f"{value.storage_class} `{value.value}`",
        f"`{value.plain}`",
        f"`{value.loaded}` in `{value.target}`{epoch}",
        ", ".join(f"`{loss}`" for loss in sorted(value.loss)),
    )
    return f"| {' | '.join(cells)} |"


def _document() -> dict[str, Any]:
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


if __name__ == "__main__":
    PAGE.write_text(page_text(), encoding="utf-8")
