"""Small databases as applications make them, with `--app` into the tables that they make in PostgreSQL themselves.

The schemas are rebuilt from what the applications' migrations declare, in own words and in part.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.applications.profile_application import with_flags, with_profile
from migration.applications.profile_reader import NamedProfile, find_profile
from migration.model import IfExists, Mode, Phase
from migration.report.report_builder import build_report
from migration.run_options import RunOptions
from tests.support.rebuilt_applications import MOMENT, SELF_HOSTED, Application

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from tests.support.direct import Direct

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
    *SELF_HOSTED,
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
        tried = build_report(
            direct.ledger, direct.migrate(source, **options_of(application, Mode.DRY_RUN)).id
        )
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
