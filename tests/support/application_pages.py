"""The pages of the profiles, docs/applications.md and docs/applications/, made of migration/applications/profiles.

`python -m tests.support.application_pages` writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.applications.profile_reader import find_profile, profile_names
from migration.applications.profile_steps import profile_steps
from tests.applications.application_environments import read_environments
from tests.support.documentation import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migration.applications.profile_reader import NamedProfile

INDEX = ROOT / "docs" / "applications.md"
PROFILES = ROOT / "migration" / "applications" / "profiles"
FOLDER = ROOT / "docs" / "applications"
_HEAD = """\
# Applications

What is known of applications and frameworks that keep their data in SQLite, and can keep it in PostgreSQL. `--app NAME`
of `migrate`, `dry-run` and `validate` (`app` over HTTP) uses it:

- Under `--data-only` the tables that are the application's own in PostgreSQL are left alone: its book of migrations,
  sessions, caches. `--tables` asks for one of them all the same.
- Its part of a [mapping file](mapping.md#mapping-file) lies below yours: what `--mapping` says of a table or column
  goes before it. Tables and columns that your version does not have are no error.
- Its flags are defaults. What is typed goes before them, as `--no-data-only` for a plain migration.

The report names the profile, and the SHA-256 of its file. `migration-cli apps` lists the profiles, `migration-cli apps
NAME` tells what a page here tells. Where the tables of a source are plainly those of a known application, the report
says so. [An application that Convoy does not know](unknown-application.md) is moved step by step.

The pages are made of the data files in `migration/applications/profiles` by
`python -m tests.support.application_pages`.
*Both sides must be of the same version of the application*: move first, upgrade afterwards.

| `--app` | what it is | |
|---|---|---|
"""

_TRIED = """\
## Tried with the applications themselves

`make apps` runs these, each in an environment of its own with the versions below (`tests/applications`). The
application's own commands make both schemas, and it fills its SQLite database through its own models, forms and API.
Convoy migrates as the page says; dry-run, migration and validation have to end with status 0. Then the application runs
on PostgreSQL: it reads the same values, logs in with the old passwords, and writes new rows.

| application | versions | test |
|---|---|---|"""


_TAIL = """
Two that are asked for have none. [Miniflux](https://github.com/miniflux/v2/blob/main/README.md) works only with
PostgreSQL, so that there is no SQLite file to leave; and [Uptime
Kuma](https://github.com/louislam/uptime-kuma/blob/master/db/knex_migrations/README.md) knows SQLite and MariaDB, but
not PostgreSQL, so that no tables wait there.
"""


def index_text() -> str:
    """Return docs/applications.md."""
    rows = []
    for name in profile_names():
        profile = find_profile(name).profile
        rows.append(f"| `{name}` | {profile.what} | [{profile.title}](applications/{name}.md) |")
    return _HEAD + "\n".join(rows) + "\n" + _TAIL + "\n" + "\n".join([_TRIED, *_tried_rows()]) + "\n"


def _tried_rows() -> Iterator[str]:
    """Yield a line for each application that a test runs."""
    for name, environment in sorted(read_environments().items()):
        page = (
            f"[{find_profile(name).profile.title}](applications/{name}.md)"
            if name in profile_names()
            else name
        )
        packages = environment.packages[:2] if environment.kind == "pip" else environment.packages[:1]
        yield f"| {page} | {', '.join(f'`{package}`' for package in packages)} | `{environment.test.name}` |"


def page_text(named: NamedProfile) -> str:
    """Return the page of one profile."""
    profile = named.profile
    parts = [f"# {profile.title}", "", profile.what, "", profile.tried, ""]
    for number, step in enumerate(profile_steps(named), 1):
        parts += [f"## {number}. {step.title}", ""]
        parts += [f"- {text}" for text in step.lines]
        parts += [""] if step.lines else []
        if step.commands:
            parts += ["```text", *step.commands, "```", ""]
    if profile.tables:
        parts += ["## What it maps", "", "```toml", _mapping(named.name), "```", ""]
    if profile.notes:
        parts += ["## To know", "", *(f"- {note}" for note in profile.notes), ""]
    parts += ["## Where this is from", "", *(f"- <{url}>" for url in profile.facts), ""]
    parts.append(f"A page of [applications](../applications.md), made of `{named.name}.toml`.")
    return "\n".join(parts) + "\n"


def _mapping(name: str) -> str:
    """Return the profile's part of a mapping file, which stands at the end of its data file."""
    text = (PROFILES / f"{name}.toml").read_text(encoding="utf-8")
    return text[text.index("[tables.") :].strip()


def pages() -> dict[Path, str]:
    """Return every page with its text."""
    found = {FOLDER / f"{name}.md": page_text(find_profile(name)) for name in profile_names()}
    return {INDEX: index_text(), **found}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
