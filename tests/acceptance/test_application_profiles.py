"""Small databases as applications make them, with `--app` into the tables that they make in PostgreSQL themselves.

The schemas are rebuilt from what the applications' migrations declare, in own words and in part.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.applications.profile_application import with_flags, with_profile
from migration.applications.profile_reader import NamedProfile, find_profile
from migration.model import IfExists, Mode, Phase
from migration.report.report_builder import build_report
from migration.run_options import RunOptions

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from tests.support.direct import Direct

FOLDER = Path(__file__).parent / "applications"
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


APPLICATIONS = (
    Application(
        "vaultwarden",
        (
            ("SELECT enabled, password_hash, created_at::text FROM users",
             [(True, b"\x00\xff\x10", f"{MOMENT}.574204")]),
            ("SELECT count(*) FROM ciphers WHERE user_uuid = 'b7a4'", [(2,)]),
            ("SELECT file_size FROM attachments", [(5_000_000_000,)]),
            ("SELECT version FROM __diesel_schema_migrations", [("20190912100000",)]),
        ),
        losses=("fraction_rounded",),
    ),
    Application(
        "grafana",
        (
            ('SELECT login, is_admin, email_verified FROM "user" ORDER BY id',
             [("admin", True, None), ("viewer", False, False)]),
            ("SELECT has_acl, data FROM dashboard", [(True, '{"panels": []}')]),
            ("SELECT count(*) FROM user_auth_token", [(0,)]),
            ("""SELECT sql FROM migration_log""", [('CREATE TABLE IF NOT EXISTS "user"',)]),
            ("""INSERT INTO "user" VALUES (DEFAULT, 0, 'new', 'n', NULL, false, now(), false) RETURNING id""", [(3,)]),
        ),
    ),
    Application(
        "home-assistant",
        (
            ("SELECT state, last_updated_ts, length(context_id_bin) FROM states ORDER BY 2",
             [("21.5", 1719326078.574204, 16), ("unavailable", 1719326080.0, None)]),
            ("SELECT has_mean, has_sum FROM statistics_meta", [(False, True)]),
            ("""SELECT (start AT TIME ZONE 'UTC')::text, "end" FROM recorder_runs""", [(f"{MOMENT}.574204", None)]),
            ("SELECT schema_version FROM schema_changes", [(41,)]),
            ("INSERT INTO states (state) VALUES ('on') RETURNING state_id", [(3,)]),
        ),
    ),
    Application(
        "n8n",
        (
            ("""SELECT active, nodes -> 0 ->> 'id', settings, ("createdAt" AT TIME ZONE 'UTC')::text
                FROM workflow_entity""",
             [(True, "9e115e10-0000-4000-8000-1e9999999999", None, f"{MOMENT}.574")]),
            ("""SELECT finished, extract(epoch FROM "stoppedAt" - "startedAt")::text FROM execution_entity""",
             [(True, "0.427000")]),
            ("SELECT name FROM migrations", [("InitialMigration1587669153312",)]),
            ("""INSERT INTO execution_entity VALUES (DEFAULT, 'x1Yz', false, 'm', NULL, NULL, NULL, 'new')
                RETURNING id""",
             [(8,)]),
        ),
    ),
    Application(
        "rails",
        (
            ("SELECT title, body, published, price::text, opens::text, settings ->> 'a', created_at::text FROM posts",
             [("Über", "", True, "12.50", "09:30:00", "[1]", f"{MOMENT}.574204")]),
            ("SELECT value FROM ar_internal_metadata", [("production",)]),
            ("INSERT INTO posts (created_at) VALUES (now()) RETURNING id", [(4,)]),
        ),
    ),
    Application(
        "laravel",
        (
            ("SELECT name, email_verified_at::text, is_admin FROM users", [("Ada", MOMENT, True)]),
            ("SELECT batch FROM migrations", [(1,)]),
            ("SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM cache)", [(0,)]),
            ("INSERT INTO users (name, email, password) VALUES ('b', 'b', 'b') RETURNING id", [(2,)]),
        ),
    ),
    Application(
        "educational",
        (
            ("SELECT title, (created_at AT TIME ZONE 'UTC')::text FROM quizzes",
             [("Owls", "2024-06-25 12:34:38.574204")]),
            ("SELECT mastery_level FROM masteries", [(0.75,)]),
            ("SELECT total_score FROM user_stats", [(3.0,)]),
        ),
    ),
    Application(
        "paperless-ngx",
        (
            ("SELECT title, content_length, (modified AT TIME ZONE 'UTC')::text, root_document_id FROM documents_document "
             "ORDER BY id",
             [("Newer version", 7, f"{MOMENT}.574204", 9), ("Invoice", 11, MOMENT, None)]),
            ("SELECT value_monetary_amount::text, value_bool, value_document_ids -> 0 FROM documents_customfieldinstance "
             "ORDER BY id",
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
            ("SELECT username, is_admin, email_reminders_enabled, frontend_settings ->> 'color_schema' FROM users ORDER BY id",
             [("ada", True, False, "dark"), ("bob", False, True, None)]),
            ("SELECT done, due_date::text, percent_done FROM tasks ORDER BY id",
             [(True, "2024-06-26 00:00:00", 0.5), (None, "0001-01-01 00:00:00", 0.0)]),
            ("SELECT filter ->> 's', bucket_configuration::text FROM project_views", [("", "null")]),
            ("SELECT count(*) FROM sessions", [(0,)]),
            ("INSERT INTO projects (title, owner_id, created, updated) VALUES ('a', 1, now(), now()) RETURNING id", [(2,)]),
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
            ("""SELECT title, permission::text, "ownerId"::text, ("createdAt" AT TIME ZONE 'UTC')::text FROM "Notes" """,
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
            ("SELECT name FROM migrations ORDER BY id", [("2.0.0.js",), ("2.1.85.js",), ("2.4.14.js",), ("2.5.128.js",)]),
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
            ("SELECT created_at::text, published_at::text, price::text, visits, opens::text, featured FROM articles ORDER BY id",
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
            ("SELECT reusable, ephemeral, used, hash, (expiration AT TIME ZONE 'UTC')::text FROM pre_auth_keys ORDER BY id",
             [(True, False, False, b"$2a$10", "0001-01-01 00:00:00"), (False, True, True, None, None)]),
            ("SELECT (created_at AT TIME ZONE 'UTC')::text FROM pre_auth_keys ORDER BY id",
             [(f"{MOMENT}.574205",), (MOMENT,)]),
            ("SELECT approved_routes, ipv6 FROM nodes", [('["10.0.0.0/8"]', "fd7a:115c:a1e0::1")]),
            ("INSERT INTO nodes (hostname) VALUES ('b') RETURNING id", [(7,)]),
        ),
        losses=("fraction_rounded",),
    ),
)  # fmt: skip


def schema_of(application: Application) -> str:
    return f"profile_{application.name.replace('-', '_')}"


def options_of(application: Application, mode: Mode) -> dict[str, object]:
    values = with_flags(application.name, {"data_only": False}, ())
    options = with_profile(
        RunOptions(data_only=values["data_only"], accept=application.losses), application.name
    )
    replaces = "replace" in find_profile(application.name).profile.arguments
    return {
        "mode": mode,
        "data_only": options.data_only,
        "accept": options.accept,
        "if_exists": IfExists.REPLACE if replaces else IfExists.REFUSE,
        "app": options.app,
        "app_sha256": options.app_sha256,
        "left_alone": options.left_alone,
        "mapping": options.mapping,
        "target_schema": schema_of(application),
    }


def checks_pass(named: NamedProfile, checks, source: Path, target: psycopg.Connection) -> int:
    asked = 0
    with closing(sqlite3.connect(source)) as connection:
        there = {row[0].lower() for row in connection.execute("SELECT name FROM sqlite_master")}
        for check in checks:
            if not any(name in check.source.lower() for name in there):
                continue  # the small source has not all tables of the application
            ours = connection.execute(check.source).fetchall()
            assert ours == target.execute(check.target_sql.encode()).fetchall(), f"{named.name}: {check.what}"
            asked += 1
    return asked


def test_a_known_application_is_told_of_its_profile_where_nobody_named_it(
    direct: Direct, tmp_path: Path
) -> None:
    source = tmp_path / "grafana.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(next(a for a in APPLICATIONS if a.name == "grafana").sql("sqlite"))
        connection.execute("CREATE TABLE org_user (id INTEGER PRIMARY KEY)")
    run = direct.migrate(source, mode=Mode.DRY_RUN, target_schema="profile_told")
    told = [r for r in build_report(direct.ledger, run.id).recommendations if "--app grafana" in r.title]
    assert len(told) == 1
    assert told[0].commands[0] == "migration-cli apps grafana"
    named = direct.migrate(source, mode=Mode.DRY_RUN, target_schema="profile_told", app="grafana")
    titles = [r.title for r in build_report(direct.ledger, named.id).recommendations]
    assert not any("--app" in title for title in titles)


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.name)
def test_rows_arrive_and_what_is_the_applications_own_stays(
    direct: Direct, tmp_path: Path, application: Application
) -> None:
    source = tmp_path / "app.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.create_function("regexp", 2, lambda p, v: bool(v and re.search(p, v)), deterministic=True)
        connection.executescript(application.sql("sqlite"))
    schema, named = schema_of(application), find_profile(application.name)
    with psycopg.connect(direct.url, autocommit=True) as target:
        target.execute(
            f"CREATE SCHEMA {schema}; SET search_path = {schema};\n{application.sql('postgres')}".encode()
        )
        assert checks_pass(named, named.profile.before, source, target) == len(named.profile.before)
        tried = build_report(direct.ledger, direct.migrate(source, **options_of(application, Mode.DRY_RUN)).id)
        assert (tried.quarantine.total, tried.findings) == (0, ()), "a dry-run promises what the run keeps"
        run: RunRecord = direct.migrate(source, **options_of(application, Mode.MIGRATE))
        assert run.error is None
        report = build_report(direct.ledger, run.id)
        assert report.quarantine.total == 0
        assert run.phase is Phase.COMPLETED, [finding.message for finding in report.findings]
        assert (report.evidence.application, report.evidence.application_sha256) == (named.name, named.sha256)
        asked = checks_pass(named, named.profile.after, source, target)
        assert asked == len(named.profile.after), "the small source has all tables that are counted"
        again = direct.migrate(source, **options_of(application, Mode.VALIDATE))
        assert again.phase is Phase.COMPLETED
        for query, rows in application.expected:
            assert target.execute(query.encode()).fetchall() == rows, query
