"""What happens in the shop: `write` into the first database, `read` from either, `go_on` in the second."""

import datetime as dt
import json
import sys
import uuid
from decimal import Decimal

import django

django.setup()

from book_shop.models import Author, Book, Mark, Tag  # noqa: E402
from django.apps import apps  # noqa: E402
from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.contrib.flatpages.models import FlatPage  # noqa: E402
from django.contrib.redirects.models import Redirect  # noqa: E402
from django.contrib.sites.models import Site  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import AutoField  # noqa: E402
from django.test import Client  # noqa: E402

LEFT_BEHIND = {"Session"}
PASSWORD = "päßwörd 🔑 1"
MOMENT = dt.datetime(2024, 6, 25, 14, 34, 38, 574204, tzinfo=dt.UTC)


def books() -> list[Book]:
    """Return books with the ends and the middle of what each field can hold."""
    return [
        Book(
            id=uuid.UUID("1e900000-0000-4000-8000-000000000005"), title="Über Bäume 🌲", slug="ueber",
            body="a\nb\t\r\nc  ", homepage="", price=Decimal("12.5000"), weight=0.1, pages=1, shelf=-32768,
            sold=2**63 - 1, published=MOMENT, opens=dt.time(9, 30), lent_for=dt.timedelta(days=3, microseconds=1),
            facts={"id": "9e115e10-0000-4000-8000-1e9999999999", "n": [1, 2.5, None, True, 10**20], "ü": "\u2028"},
            cover=bytes(range(256)), is_rare=True, in_stock=True, bought_from="192.168.0.1", scan="scans/ü.pdf",
        ),
        Book(
            title="", slug="empty", price=Decimal("-99999999.9999"), weight=-1e308, pages=2**31 - 2, shelf=32767,
            sold=-(2**63), published=dt.datetime(1, 1, 2, tzinfo=dt.UTC), opens=dt.time(23, 59, 59, 999999),
            lent_for=-dt.timedelta(days=1, seconds=1), facts=[], cover=b"", is_rare=False,
            bought_from="2001:db8::1", genre=Book.Genre.PLAY,
        ),
        Book(title="null", slug="null", facts="text", published=dt.datetime(9999, 12, 30, tzinfo=dt.UTC)),
        Book(title="O'Hara \\ \"x\" %s", slug="quotes", facts={"invoice": "invoice-20240115", "big": "1e999"},
             lent_for=dt.timedelta(days=36500, hours=23)),
    ]  # fmt: skip


def write() -> None:
    """Fill the shop, through the models and through the admin's own forms."""
    root = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    clerk = User.objects.create_user("clerk", password="clerk", first_name="Zoë", last_login=MOMENT)
    User.objects.create_user("nobody").set_unusable_password()
    staff = Group.objects.create(name="Staff")
    staff.permissions.set(Permission.objects.filter(codename__contains="book"))
    clerk.groups.add(staff)
    clerk.user_permissions.add(Permission.objects.get(codename="add_tag"))
    ada = Author.objects.create(name="Ada", email="", born=dt.date(1815, 12, 10))
    grace = Author.objects.create(name="Grace", mentor=ada, is_active=False, born=dt.date(1, 1, 1))
    Author.objects.create(name="Self").pupils.set([grace])
    tags = [Tag.objects.create(word=word) for word in ("old", "ÄÖÜ", "")]
    for number, book in enumerate(books()):
        book.save()
        book.authors.set([ada, grace][: number % 3])
        Mark.objects.create(book=book, tag=tags[number % 3], page=number)
    Book.objects.filter(slug="quotes").update(sold=5)
    FlatPage.objects.create(url="/a/", title="A", content="<p>ä</p>").sites.add(Site.objects.get_current())
    Redirect.objects.create(site=Site.objects.get_current(), old_path="/x/", new_path="")
    client = logged_in("root", PASSWORD)
    add_author(client, "Through the admin")
    assert root.logentry_set.count() == 1


def logged_in(name: str, password: str) -> Client:
    """Log in at the admin's own form."""
    client = Client()
    answer = client.post("/admin/login/?next=/admin/", {"username": name, "password": password})
    assert answer.status_code == 302, answer.content
    assert client.get("/admin/").status_code == 200
    return client


def add_author(client: Client, name: str) -> None:
    """Add an author in the admin."""
    values = {"name": name, "email": "", "born": "1990-01-02", "mentor": "", "ticket": str(uuid.uuid4())}
    answer = client.post("/admin/book_shop/author/add/", values)
    assert answer.status_code == 302, answer.content


def read() -> dict[str, list[dict[str, str]]]:
    """Return every field of every row of every table, as Django reads it."""
    return {
        model._meta.label: sorted(
            (
                {field.attname: spoken(getattr(row, field.attname)) for field in model._meta.concrete_fields}
                for row in model._default_manager.all()
            ),
            key=lambda row: list(row.values()),
        )
        for model in apps.get_models(include_auto_created=True)
        if model.__name__ not in LEFT_BEHIND
    }


def spoken(value: object) -> str:
    """Return a value with its type; jsonb keeps no order of keys."""
    if isinstance(value, (dict, list)):
        return json.dumps(value, sort_keys=True)
    return repr(bytes(value)) if isinstance(value, memoryview) else repr(value)


def go_on() -> dict[str, int]:
    """Log in with the old passwords, and write a new row into each table."""
    client = logged_in("root", PASSWORD)
    add_author(client, "After the move")
    assert User.objects.get(username="clerk").check_password("clerk")
    assert not User.objects.get(username="nobody").has_usable_password()
    assert User.objects.get(username="clerk").has_perm("book_shop.change_book")
    assert Book.objects.filter(facts__id="9e115e10-0000-4000-8000-1e9999999999").count() == 1
    assert Book.objects.filter(lent_for__gt=dt.timedelta(days=2)).count() == 2
    assert Book.objects.get(slug="ueber").next_page == 2
    new = Book.objects.create(title="new", slug="new", facts={"a": 1}, cover=b"\0", pages=7)
    new.refresh_from_db()
    assert new.next_page == 8
    user = User.objects.create_user("new", password=PASSWORD)
    user.groups.set([Group.objects.create(name="New")])
    user.user_permissions.set(Permission.objects.all()[:3])
    author = Author.objects.create(name="New", mentor=Author.objects.get(name="Ada"))
    new.authors.add(author)
    mark = Mark.objects.create(book=new, tag=Tag.objects.get(word="ÄÖÜ"))
    page = FlatPage.objects.create(url="/b/")
    page.sites.set([Site.objects.create(domain="b", name="b")])
    return next_numbers() | {"user": user.pk, "author": author.pk, "mark": mark.pk, "page": page.pk}


def next_numbers() -> dict[str, int]:
    """Return what each sequence of the database gives next; it has to be above all keys of its table."""
    found = {}
    for model in apps.get_models(include_auto_created=True):
        key, table = model._meta.pk, model._meta.db_table
        if isinstance(key, AutoField):
            with connection.cursor() as cursor:
                cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, %s))", [f'"{table}"', key.column])
                (found[model._meta.label],) = cursor.fetchone()
            keys = model._default_manager.values_list("pk", flat=True)
            assert found[model._meta.label] > max(keys, default=0), model
    return found


if __name__ == "__main__":
    print(json.dumps({"write": write, "read": read, "go_on": go_on}[sys.argv[1]]()))
