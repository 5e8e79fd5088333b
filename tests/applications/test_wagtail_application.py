"""A site on Wagtail, made by `wagtail start`: pages with revisions, pictures, tags, a workflow, and a search index."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences, part_of_url

SCRIPTS = Path(__file__).parent / "wagtail_scripts"


def test_a_wagtail_site_goes_on_in_postgresql(application: ApplicationRun) -> None:
    application.command("wagtail", "start", "owls")
    application.folder /= "owls"
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    application.variables["DJANGO_SETTINGS_MODULE"] = "site_settings"
    application.variables["PYTHONPATH"] = str(application.folder)
    postgres = {
        "SITE_DATABASE": part_of_url(application.target_url, "dbname"),
        "SITE_USER": part_of_url(application.target_url, "user"),
        "SITE_HOST": part_of_url(application.target_url, "host"),
    }
    application.command("django-admin", "makemigrations", "news")
    application.command("django-admin", "migrate")
    application.command("python", "site_life.py", "write")
    application.command("django-admin", "migrate", also=postgres)
    before = application.answer("python", "site_life.py", "read")
    assert len(before["news.NewsPage"]) == 6
    assert len(before["wagtailcore.WorkflowState"]) == 1

    application.migrate(application.folder / "db.sqlite3", app="wagtail")

    assert differences(before, application.answer("python", "site_life.py", "read", also=postgres)) == []
    new = application.answer("python", "site_life.py", "go_on", also=postgres)
    assert new["wagtailcore.Page"] > len(before["wagtailcore.Page"])
