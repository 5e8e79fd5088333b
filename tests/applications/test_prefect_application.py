"""A Prefect server: `prefect server database upgrade` on both sides, flows run by its own client."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.applications.application_run import ApplicationRun, answers, differences, free_port
from tests.applications.extended_postgres import extended_database

SCRIPTS = Path(__file__).parent / "prefect_scripts"
ROWS = Path(__file__).parent / "mapped_rows.py"
MODELS = "prefect.server.database.orm_models:Base"


@contextmanager
def prefect_server(application: ApplicationRun, database: dict[str, str]) -> Iterator[dict[str, str]]:
    """Run the server on a database; what its clients have to know."""
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    with application.server(
        "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port),
        ready=lambda: answers(f"{api}/health"), also=database, seconds=300,
    ):  # fmt: skip
        yield {"PREFECT_API_URL": api}


def test_a_prefect_server_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    source = application.folder / "prefect.db"
    application.variables |= {
        "PREFECT_HOME": str(application.folder / "home"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",  # makes runs of tomorrow while one compares
        "DO_NOT_TRACK": "1",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    setting = "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    with extended_database(application.environment, "prefect") as url:
        application.target_url = url
        ours = {setting: f"sqlite+aiosqlite:///{source}"}
        theirs = {setting: application.sqlalchemy_url("asyncpg")}
        for side in (ours, theirs):
            application.command("prefect", "server", "database", "upgrade", "-y", also=side)
        with prefect_server(application, ours) as client:
            application.command("python", "flow_life.py", "write", also=client)
            before = application.answer("python", "flow_life.py", "read", also=client)
        rows = application.answer("python", ROWS, MODELS, f"sqlite:///{source}")
        assert len(before["flow_runs"]) >= 5
        assert before["logs"]

        application.migrate(source, app="prefect")

        after = application.answer("python", ROWS, MODELS, application.sqlalchemy_url("psycopg2"))
        assert differences(rows, after) == []
        with prefect_server(application, theirs) as client:
            again = application.answer("python", "flow_life.py", "read", also=client)
            assert differences(before, again) == []
            assert application.answer("python", "flow_life.py", "go_on", also=client) == {"task_runs": 2}
