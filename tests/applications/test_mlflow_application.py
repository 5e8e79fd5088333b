"""The store of MLflow: made by `mlflow db upgrade`, filled and read by its own client."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.applications.application_run import ApplicationRun, differences

SCRIPTS = Path(__file__).parent / "mlflow_scripts"
ROWS = Path(__file__).parent / "mapped_rows.py"
MODELS = (
    "mlflow.store.db.base_sql_model,"
    "mlflow.store.tracking.dbmodels.models,mlflow.store.model_registry.dbmodels.models:Base"
)


def test_a_store_goes_on_in_postgresql(application: ApplicationRun) -> None:
    shutil.copytree(SCRIPTS, application.folder, dirs_exist_ok=True)
    source = application.folder / "mlflow.db"
    sqlite, postgres = f"sqlite:///{source}", application.sqlalchemy_url("psycopg2")
    ours, theirs = {"MLFLOW_TRACKING_URI": sqlite}, {"MLFLOW_TRACKING_URI": postgres}
    application.variables |= {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "LOGNAME": "somebody",
    }
    application.command("mlflow", "db", "upgrade", sqlite)
    application.command("mlflow", "db", "upgrade", postgres)
    application.command("python", "tracking_life.py", "write", also=ours)
    before = application.answer("python", "tracking_life.py", "read", also=ours)
    rows = application.answer("python", ROWS, MODELS, sqlite)
    assert len(before["traces"]) == 1
    assert {row["is_nan"] for row in rows["metrics"]} == {"True", "False"}

    application.migrate(source, app="mlflow")

    assert differences(rows, application.answer("python", ROWS, MODELS, postgres)) == []
    assert differences(before, application.answer("python", "tracking_life.py", "read", also=theirs)) == []
    new = application.answer("python", "tracking_life.py", "go_on", also=theirs)
    assert new.keys() == {"experiment", "run", "trace"}
