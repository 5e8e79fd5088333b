"""Applications whose two sides are rebuilt in tests/acceptance/applications, and what PostgreSQL holds afterwards."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.documentation import ROOT

FOLDER = ROOT / "tests" / "acceptance" / "applications"
MOMENT = "2024-06-25 14:34:38"


@dataclass(frozen=True)
class Application:
    """An application, whose two sides are in applications/. `expected`: queries of the target, and their rows after."""

    name: str
    expected: tuple[tuple[str, list[tuple[object, ...]]], ...]
    losses: tuple[str, ...] = ()

    def sql(self, side: str) -> str:
        """What makes one side: `sqlite` or `postgres`."""
        return (FOLDER / f"{self.name}.{side}.sql").read_text(encoding="utf-8")


SELF_HOSTED = (
    Application(
        "paperless-ngx",
        (
            ("""SELECT title, content_length, (modified AT TIME ZONE 'UTC')::text, root_document_id
                FROM documents_document ORDER BY id""",
             [("Newer version", 7, f"{MOMENT}.574204", 9), ("Invoice", 11, MOMENT, None)]),
            ("""SELECT value_monetary_amount::text, value_bool, value_document_ids -> 0
                FROM documents_customfieldinstance ORDER BY id""",
             [("12.50", None, None), ("99.95", True, None), (None, None, 7)]),
            ("SELECT extra_data ->> 'default_currency' FROM documents_customfield ORDER BY id", [("EUR",), (None,)]),
            ("SELECT username FROM auth_user", [("ada",)]),
            ("SELECT count(*) FROM django_session", [(0,)]),
            ("INSERT INTO documents_customfield (name, data_type) VALUES ('a', 'string') RETURNING id", [(3,)]),
        ),
    ),
    Application(
        "vikunja",
        (
            ("""SELECT username, is_admin, email_reminders_enabled, frontend_settings ->> 'color_schema'
                FROM users ORDER BY id""",
             [("ada", True, False, "dark"), ("bob", False, True, None)]),
            ("SELECT done, due_date::text, percent_done FROM tasks ORDER BY id",
             [(True, "2024-06-26 00:00:00", 0.5), (None, "0001-01-01 00:00:00", 0.0)]),
            ("SELECT filter ->> 's', bucket_configuration::text FROM project_views", [("", "null")]),
            ("SELECT count(*) FROM sessions", [(0,)]),
            ("INSERT INTO projects (title, owner_id, created, updated) VALUES ('a', 1, now(), now()) RETURNING id",
             [(2,)]),
        ),
    ),
    Application(
        "mealie",
        (
            ("SELECT username, auth_method::text, owned_recipes_id::text FROM users",
             [("ada", "OIDC", "30000000-0000-4000-b000-0000000000e5")]),
            ("SELECT name, rating, is_ocr_recipe, date_added::text, last_made::text, user_id::text FROM recipes",
             [("Crêpes", 4.5, False, "2024-06-25", MOMENT, "20000000-0000-4000-a000-000000000001")]),
            ("SELECT reference_id::text, quantity FROM recipes_ingredients ORDER BY id",
             [("4f3c8f1c-64f3-4d0e-9a6a-0d4f9d3f1b2c", 0.5), (None, 3.0)]),
            ("SELECT created_at::text FROM groups", [(f"{MOMENT}.574204",)]),
            ("INSERT INTO recipe_settings (public) VALUES (true) RETURNING id", [(2,)]),
        ),
    ),
    Application(
        "hedgedoc",
        (
            ("""SELECT title, permission::text, "ownerId"::text, ("createdAt" AT TIME ZONE 'UTC')::text
                FROM "Notes" """,
             [("Ä", "editable", "0a0b0c0d-0e0f-4011-9213-141516171819", f"{MOMENT}.574")]),
            ("""SELECT "deleteToken"::text FROM "Users" """, [("12345678-1234-4678-9234-567812345678",)]),
            ("""SELECT count(*) FROM "Sessions" """, [(0,)]),
            ("""INSERT INTO "Authors" (color) VALUES ('#000') RETURNING id""", [(5,)]),
        ),
    ),
    Application(
        "wikijs",
        (
            ("""SELECT title, "isPublished", toc -> 0 ->> 'anchor', extra::text, "createdAt" FROM pages""",
             [("Home", True, "#a", '{"js":"","css":""}', "2024-06-25T14:34:38.574Z")]),
            ("""SELECT id, parent, "isFolder" FROM "pageTree" ORDER BY id""", [(1, 2, False), (2, None, True)]),
            ("""SELECT data FROM "assetData" """, [(bytes.fromhex("89504e470d0a00ff"),)]),
            ("SELECT name FROM migrations ORDER BY id",
             [("2.0.0.js",), ("2.1.85.js",), ("2.4.14.js",), ("2.5.128.js",)]),
            ("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM brute)", [(0,)]),
            ("INSERT INTO assets (filename) VALUES ('b') RETURNING id", [(2,)]),
        ),
    ),
    Application(
        "firefly-iii",
        (
            ("SELECT amount::text, native_amount::text FROM transactions ORDER BY id",
             [("-3.450000000000", None), ("3.450000000000", "1000.000000000000")]),
            ("SELECT date::text, date_tz, interest_date::text, encrypted, completed FROM transaction_journals",
             [("2024-06-25 00:00:00", "Europe/Berlin", "2024-06-26", False, True)]),
            ("SELECT type FROM account_types ORDER BY id", [("Asset account",), ("Expense account",)]),
            ("SELECT latitude::text FROM tags", [("52.52000659",)]),
            ("SELECT id::text FROM notifications", [("9e115e10-0000-4000-8000-1e9999999999",)]),
            ("INSERT INTO accounts (user_id, account_type_id, name) VALUES (1, 1, 'b') RETURNING id", [(3,)]),
        ),
    ),
    Application(
        "strapi",
        (
            ("""SELECT created_at::text, published_at::text, price::text, visits, opens::text, featured
                FROM articles ORDER BY id""",
             [(f"{MOMENT}.574", None, "12.50", 5_000_000_000, "09:30:00", True),
              (f"{MOMENT}.574", "2024-06-25 14:34:39.001", None, None, None, False)]),
            ("SELECT blocks -> 0 ->> 'type', created_by_id FROM articles ORDER BY id", [("paragraph", 1), (None, 1)]),
            ("SELECT hash FROM strapi_database_schema", [("def",)]),
            ("SELECT value FROM strapi_core_store_settings", [('{"a":1}',)]),
            ("SELECT count(*) FROM strapi_sessions", [(0,)]),
            ("INSERT INTO articles (title) VALUES ('b') RETURNING id", [(3,)]),
        ),
    ),
    Application(
        "directus",
        (
            ("SELECT id, (timestamp AT TIME ZONE 'UTC')::text FROM directus_activity ORDER BY id",
             [(1, MOMENT), (2, f"{MOMENT}.574")]),
            ("SELECT email, role::text, tags ->> 0, (last_access AT TIME ZONE 'UTC')::text FROM directus_users",
             [("ada@example.org", "0a0b0c0d-0e0f-4011-9213-141516171819", "a", f"{MOMENT}.574")]),
            ("SELECT price, published, day::text, opens::text FROM posts", [(0.1, True, "2024-06-25", "09:30:00")]),
            ("SELECT readonly, hidden, options ->> 'trim' FROM directus_fields ORDER BY id",
             [(False, True, "true"), (True, True, None)]),
            ("SELECT count(*) FROM directus_sessions", [(0,)]),
            ("INSERT INTO posts (title) VALUES ('b') RETURNING id", [(6,)]),
        ),
        losses=("rounded_to_real",),
    ),
    Application(
        "kanboard",
        (
            ("SELECT username, is_ldap_user, twofactor_activated, twofactor_secret, is_active FROM users ORDER BY id",
             [("admin", False, True, "JBSWY3DPEHPK3PXP", True), ("bob", True, False, None, False)]),
            ("SELECT title, is_active, date_creation, time_spent, reference FROM tasks ORDER BY id",
             [("Dig", True, 1719326078, 1.25, ""), ("Sow", False, 1719326078, 3.0, "7")]),
            ("SELECT name, is_public, owner_id FROM projects", [("Garden", False, 0)]),
            ("""SELECT value FROM settings WHERE "option" = 'webhook_token'""", [("old",)]),
            ("SELECT version FROM schema_version", [(117,)]),
            ("INSERT INTO projects (name) VALUES ('b') RETURNING id", [(2,)]),
        ),
    ),
    Application(
        "headscale",
        (
            ("""SELECT reusable, ephemeral, used, hash, (expiration AT TIME ZONE 'UTC')::text
                FROM pre_auth_keys ORDER BY id""",
             [(True, False, False, b"$2a$10", "0001-01-01 00:00:00"), (False, True, True, None, None)]),
            ("SELECT (created_at AT TIME ZONE 'UTC')::text FROM pre_auth_keys ORDER BY id",
             [(f"{MOMENT}.574205",), (MOMENT,)]),
            ("SELECT approved_routes, ipv6 FROM nodes", [('["10.0.0.0/8"]', "fd7a:115c:a1e0::1")]),
            ("INSERT INTO nodes (hostname) VALUES ('b') RETURNING id", [(7,)]),
        ),
        losses=("fraction_rounded",),
    ),
)  # fmt: skip
