"""Redmine, a Ruby on Rails application: its own migrations on both sides, its own models write and read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.applications.application_run import ApplicationRun, differences, part_of_url

LIFE = Path(__file__).parent / "redmine_scripts" / "redmine_life.rb"
BEFORE, AFTER = "before", "after"
"""Two instances of one Redmine, which Debian's package knows: each has a folder with its own database.yml."""


def database_yml(**settings: str) -> str:
    return "production:\n" + "".join(f"  {name}: {value}\n" for name, value in settings.items())


@pytest.fixture
def redmine(application: ApplicationRun) -> ApplicationRun:
    """Redmine in a folder of its own, which it writes to; Ruby and its libraries lie in the environment."""
    usr, work = application.environment / "usr", application.folder
    folder = work / "redmine"
    shutil.copytree(usr / "share" / "redmine", folder, ignore_dangling_symlinks=True)
    (folder / "Gemfile.local").write_text('gem "sqlite3"\ngem "pg"\n', encoding="utf-8")
    libraries = [*usr.glob("lib/ruby"), *usr.glob("lib/*-linux-gnu*/ruby")]
    forms = ("share/rubygems-integration/*", "lib/*-linux-gnu*/rubygems-integration/*", "lib/ruby/gems/*")
    gems = [folder for form in forms for folder in usr.glob(form)]
    rooms = [
        room
        for library in libraries
        for name in ("vendor_ruby", "vendor_ruby/3.*", "3.*")
        for room in library.glob(name)
    ]
    application.variables |= {
        "RUBYLIB": ":".join(map(str, rooms)), "GEM_PATH": ":".join(map(str, gems)), "GEM_HOME": str(work / "gems"),
        "HOME": str(work), "RAILS_ENV": "production", "BUNDLE_WITHOUT": "test:development", "LANG": "C.UTF-8",
        "X_DEBIAN_SITEID": BEFORE,
    }  # fmt: skip
    url = application.target_url
    databases = {
        BEFORE: database_yml(adapter="sqlite3", database=str(work / "redmine.sqlite3")),
        AFTER: database_yml(
            adapter="postgresql", database=part_of_url(url, "dbname"), host=part_of_url(url, "host"),
            port=part_of_url(url, "port"), username=part_of_url(url, "user"),
        ),
    }  # fmt: skip
    (work / "files").mkdir()
    for name, words in databases.items():
        instance = folder / "instances" / name
        for room in ("config", "log", "tmp/cache"):
            (instance / room).mkdir(parents=True)
        (instance / "files").symlink_to(work / "files")
        (instance / "config" / "secret_key.txt").write_text("0123456789abcdef" * 8, encoding="utf-8")
        (instance / "config" / "database.yml").write_text(words, encoding="utf-8")
    application.folder = folder
    application.command("ruby3.1", "-S", "bundle", "install", "--local", "--quiet")
    return application


def test_redmine_goes_on_in_postgresql(redmine: ApplicationRun) -> None:
    life = ("ruby3.1", "bin/rails", "runner", LIFE)
    after = {"X_DEBIAN_SITEID": AFTER}
    rake = ("ruby3.1", "-S", "rake")
    redmine.command(*rake, "db:migrate")
    redmine.command(*rake, "redmine:load_default_data", also={"REDMINE_LANG": "en"})
    redmine.command(*life, "write")
    before = redmine.answer(*life, "read")
    assert len(before["issues"]) == 3
    assert max(before["found"]["open"]) == 2
    redmine.command(*rake, "db:migrate", also=after)

    redmine.migrate(redmine.folder.parent / "redmine.sqlite3", app="redmine")

    assert differences(before, redmine.answer(*life, "read", also=after)) == []
    new = redmine.answer(*life, "go_on", also=after)
    assert new == {"issue": True, "journals": 3, "found": 1, "children": 1}
    assert "up" in redmine.command(*rake, "db:migrate:status", also=after)
