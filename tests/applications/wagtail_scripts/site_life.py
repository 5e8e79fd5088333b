"""What editors do with the site: `write` into the first database, `read` from either, `go_on` in the second."""

import datetime as dt
import io
import json
import sys

import django

django.setup()

from django.apps import apps  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.core.files.images import ImageFile  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import AutoField  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402
from news.models import Author, NewsPage  # noqa: E402
from PIL import Image as Picture  # noqa: E402
from wagtail.contrib.redirects.models import Redirect  # noqa: E402
from wagtail.documents.models import Document  # noqa: E402
from wagtail.images.models import Image  # noqa: E402
from wagtail.models import Collection, Comment, Page, Site, Workflow  # noqa: E402

PASSWORD = "Eulen ü 🔑"
LEFT_BEHIND = {"Session", "IndexEntry", "SQLiteFTSIndexEntry", "ReferenceIndex"}
HTML = '<p data-block-key="1e900">Über <b>Eulen</b> &amp; "Bäume" 🦉</p>'


def picture(title: str, color: str) -> Image:
    """Upload a picture."""
    file = io.BytesIO()
    Picture.new("RGB", (40, 30), color).save(file, "PNG")
    image = Image(title=title, collection=Collection.objects.order_by("-depth").first())
    image.file = ImageFile(file, name=f"{color}.png")
    image.save()
    image.tags.add("rot", "ä")
    image.get_rendition("fill-10x10")
    return image


def page(title: str, image: Image, **more: object) -> NewsPage:
    """Write a page with blocks and publish it."""
    parent = Site.objects.get(is_default_site=True).root_page
    new = NewsPage(
        title=title, intro=HTML, picture=image, at=dt.datetime(2024, 6, 25, 14, 34, 38, 574204, tzinfo=dt.UTC),
        body=[("heading", "1e5"), ("text", HTML), ("list", [1, 2]), ("picture", image)], **more,
    )  # fmt: skip
    parent.add_child(instance=new)
    new.tags.add("eins", "zwei")
    new.save()
    new.save_revision(user=User.objects.get(username="root")).publish()
    return new


def write() -> None:
    """Fill the site."""
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    editor = User.objects.create_user("editor", password="editor", last_name="Zoë")
    editor.groups.add(Group.objects.get(name="Editors"))
    Collection.get_first_root_node().add_child(name="Bilder")
    ada = Author.objects.create(name="Ada", born=dt.date(1815, 12, 10))
    ada.save_revision(user=root).publish()
    for number in range(3):
        page(f"Eule {number}", picture(f"Bild ü {number}", ("red", "green", "blue")[number]), author=ada)
    first = NewsPage.objects.get(title="Eule 0")
    first.add_child(instance=NewsPage(title="'Leer' \\ ", slug="leer", author=None))
    later = NewsPage.objects.get(title="Eule 1")
    later.go_live_at = timezone.now() + dt.timedelta(days=900)
    later.title = "Später"
    later.save_revision(user=editor).publish()
    first.copy(recursive=True, update_attrs={"title": "Kopie", "slug": "kopie"}, user=root)
    Comment.objects.create(page=first, user=editor, text="Na ja", contentpath="intro")
    Workflow.objects.first().start(NewsPage.objects.get(title="Eule 2"), editor)
    Document(title="Brief", file=ContentFile(b"\0\xff", name="brief.bin")).save()
    Redirect.objects.create(old_path="/alt", redirect_link="/neu")
    NewsPage.objects.get(title="Eule 2").move(first, pos="last-child")
    call_command("update_index", verbosity=0)
    assert {p.title for p in NewsPage.objects.search("Eulen")} >= {"Eule 0", "Kopie"}
    logged_in("editor", "editor")


def logged_in(name: str, password: str) -> Client:
    """Log in at the admin's own form."""
    client = Client()
    answer = client.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"})
    assert answer.status_code == 302, answer.content
    assert client.get("/admin/").status_code == 200
    return client


def read() -> dict[str, list[dict[str, str]]]:
    """Return every field of every row of every table, as Django reads it."""
    return {
        model._meta.label: sorted(
            (
                {
                    field.attname: spoken(getattr(row, field.attname))
                    for field in model._meta.local_concrete_fields
                }
                for row in model._base_manager.all()
            ),
            key=lambda row: list(row.values()),
        )
        for model in apps.get_models(include_auto_created=True)
        if model.__name__ not in LEFT_BEHIND
    }


def spoken(value: object) -> str:
    """Return a value with its type; jsonb keeps no order of keys."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True, default=repr)
    if hasattr(value, "get_prep_value"):
        return json.dumps(value.get_prep_value(), sort_keys=True, default=repr)
    return repr(value)


def go_on() -> dict[str, int]:
    """Log in with the old passwords; edit, publish, upload, search."""
    call_command("update_index", verbosity=0)
    assert {p.title for p in NewsPage.objects.search("Eulen")} >= {"Eule 0", "Kopie"}
    client = logged_in("root", PASSWORD)
    logged_in("editor", "editor")
    first = NewsPage.objects.get(title="Eule 0")
    assert client.get(f"/admin/pages/{first.pk}/edit/").status_code == 200
    assert client.get(f"/admin/pages/{first.pk}/history/").status_code == 200
    assert client.get("/alt", HTTP_HOST="localhost").status_code == 301
    assert first.revisions.first().as_object().intro == HTML
    first.title = "Eule geändert"
    first.save_revision(user=User.objects.get(username="editor")).publish()
    new = page("Nachtrag", picture("Neu", "black"), author=Author.objects.get(name="Ada"))
    new.get_parent().specific.copy(recursive=False, update_attrs={"slug": "zweite", "title": "Zweite"})
    User.objects.create_user("new", password="new").groups.add(Group.objects.first())
    call_command("update_index", verbosity=0)
    assert "Nachtrag" in {p.title for p in Page.objects.search("Nachtrag")}
    assert Page.find_problems() == ([], [], [], [], [])
    found = {}
    for model in apps.get_models(include_auto_created=True):
        key, table = model._meta.pk, model._meta.db_table
        if isinstance(key, AutoField):
            with connection.cursor() as cursor:
                cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, %s))", [f'"{table}"', key.column])
                (found[model._meta.label],) = cursor.fetchone()
            assert found[model._meta.label] > max(
                model._base_manager.values_list("pk", flat=True), default=0
            ), model
    return found


if __name__ == "__main__":
    print(json.dumps({"write": write, "read": read, "go_on": go_on}[sys.argv[1]]()))
