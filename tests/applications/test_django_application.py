"""A site on Django: its own migrations on both sides, its admin, and a field of every usual type."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences, part_of_url

SCRIPTS = Path(__file__).parent / "django_scripts"


def test_a_django_site_goes_on_in_postgresql(application: ApplicationRun) -> None:
    application.folder /= "site"
    shutil.copytree(SCRIPTS, application.folder)
    application.variables["DJANGO_SETTINGS_MODULE"] = "shop_settings"
    application.variables["PYTHONPATH"] = str(application.folder)
    postgres = {
        "SHOP_DATABASE": part_of_url(application.target_url, "dbname"),
        "SHOP_USER": part_of_url(application.target_url, "user"),
        "SHOP_HOST": part_of_url(application.target_url, "host"),
    }
    application.command("django-admin", "makemigrations", "book_shop")
    application.command("django-admin", "migrate")
    application.command("python", "shop_life.py", "write")
    application.command("django-admin", "migrate", also=postgres)
    before = application.answer("python", "shop_life.py", "read")
    assert len(before["book_shop.Book"]) == 4
    assert len(before["admin.LogEntry"]) == 1

    application.migrate(application.folder / "db.sqlite3", app="django")

    assert differences(before, application.answer("python", "shop_life.py", "read", also=postgres)) == []
    new = application.answer("python", "shop_life.py", "go_on", also=postgres)
    assert {"auth.User", "admin.LogEntry", "book_shop.Mark", "auth.User_groups"} <= new.keys()
    application.command("django-admin", "migrate", "--check", also=postgres)
