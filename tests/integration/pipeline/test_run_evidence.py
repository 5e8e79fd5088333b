"""What a report says of who, when and by what; and a rollback over HTTP that has something to lose."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path

import psycopg
from sqlalchemy import event

from api.app import create_app
from migration.ledger.run_acts import convoy_version
from migration.model import Phase
from migration.report.html_report import render_html
from migration.report.report_builder import build_report
from migration.report.report_files import encode_report
from migration.steps.run_rollback import roll_back_run
from migration.validation.row_hashing import algorithm_name
from tests.support.api import TOKEN, ApiClient, api_settings
from tests.support.direct import Direct

SCRIPT = "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES (1, 'a'), (2, 'b');"


def write(direct: Direct, statement: str) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute(statement.encode())


def test_report_says_who_has_done_what_on_which_server(direct: Direct, build: Callable[[str], Path]) -> None:
    run = direct.migrate(
        build(SCRIPT), target_schema="shop", priority=7, target="postgresql://me:hunter2@host/shop"
    )
    write(direct, "INSERT INTO shop.note VALUES (3, 'c')")
    roll_back_run(direct.ledger, run.id, force=True, settings=direct.workspace.settings)
    report = build_report(direct.ledger, run.id)
    evidence = report.evidence
    me = pwd.getpwuid(os.geteuid()).pw_name
    assert (evidence.operator, evidence.client_host) == (me, socket.gethostname())
    assert (evidence.convoy_version, evidence.digest_algorithm) == (convoy_version(), algorithm_name())
    ((identifier, database),) = direct.query(
        "SELECT system_identifier::text, current_database() FROM pg_control_system()"
    )
    assert (evidence.server.system_identifier, evidence.server.database) == (identifier, database)
    assert evidence.options["priority"] == 7
    assert [act.act for act in evidence.acts] == ["started", "cut_over", "rolled_back"]
    assert evidence.rolled_back is not None
    assert evidence.rolled_back.person == me
    assert evidence.rolled_back.data["written_since"][0]["table"] == "note"
    assert report.status is Phase.ROLLED_BACK
    for page in (encode_report(report).decode(), render_html(report)):
        assert "rolled" in page
        assert identifier in page
        assert "hunter2" not in page


def test_role_that_may_not_know_the_server_gets_a_report(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="shop")
    write(direct, "DROP ROLE IF EXISTS plain; CREATE ROLE plain; GRANT USAGE ON SCHEMA convoy TO plain")
    write(direct, "GRANT SELECT ON ALL TABLES IN SCHEMA convoy TO plain")
    write(direct, "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC")

    @event.listens_for(direct.ledger, "begin")
    def become_plain(connection) -> None:  # type: ignore[no-untyped-def]
        connection.exec_driver_sql("SET LOCAL ROLE plain")

    try:
        assert build_report(direct.ledger, run.id).evidence.server.system_identifier is None
    finally:
        event.remove(direct.ledger, "begin", become_plain)
        write(direct, "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")
        write(direct, "DROP OWNED BY plain; DROP ROLE plain")


def test_rollback_over_http_refuses_and_goes_on_by_force(
    direct: Direct, build: Callable[[str], Path]
) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="shop")
    write(direct, "INSERT INTO shop.note VALUES (3, 'c')")
    settings = api_settings(None, target_url=direct.url, snapshot_dir=direct.workspace.settings.snapshot_dir)
    app = create_app(settings)
    try:
        refuse_and_force(direct, ApiClient(app, {"Authorization": f"Bearer {TOKEN}"}), run.id)
    finally:
        app.state.cluster.close()


def refuse_and_force(direct: Direct, client: ApiClient, run_id: str) -> None:
    path = f"/api/v1/migration/{run_id}/rollback"

    for body in ({}, {"json": {}}, {"json": {"force": False}}):
        refused = client.post(path, **body)
        assert (refused.status_code, refused.json()["code"]) == (409, "written-since-cutover"), refused.text
        assert refused.json()["type"] == "urn:convoy:problem:rollback-refused"
        (found,) = refused.json()["written_since"]
        assert (found["table"], found["added"], found["rows_now"]) == ("note", 1, 3)
    assert client.post(path, json={"forse": True}).status_code == 422

    done = client.post(path, json={"force": True})
    assert done.status_code == 200, done.text
    (schema,) = done.json()["kept_schemas"]
    assert direct.query(f"SELECT count(*) FROM {schema}.note") == [(3,)]
    rolled_back = build_report(direct.ledger, run_id).evidence.rolled_back
    assert rolled_back is not None
    assert rolled_back.person == "token bootstrap"
