"""What is tracked at MLFLOW_TRACKING_URI: `write` in the first database, `read` from either, `go_on` in the second."""

import json
import math
import sys

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Feedback, Metric, Param, RunTag, ViewType

client = MlflowClient()
VALUES = (0.1, -0.0, 1e-320, 1.7976931348623157e308, math.nan, math.inf, -math.inf, 3.0)


def write() -> None:
    """Fill the store: experiments, runs, metrics of all kinds, models, traces, data sets."""
    owls = client.create_experiment("Eulen 🦉", tags={"mlflow.note.content": "ä\n\\ '", "empty": ""})
    gone = client.create_experiment("gone")
    client.delete_experiment(gone)
    for number in range(3):
        with mlflow.start_run(
            experiment_id=owls, run_name=f"Läufer {number}", tags={"n": str(number), "e": ""}
        ) as run:
            mlflow.log_params(
                {"rate": 0.001, "none": None, "text": "x" * 6000, "uuid": "1e900000-0000-4000-8000-00"}
            )
            for step, value in enumerate(VALUES):
                client.log_metric(run.info.run_id, "loss", value, timestamp=1719326078574 + step, step=step)
            client.log_metric(run.info.run_id, "last", VALUES[number + 3], timestamp=1719326078574)
            mlflow.log_text("ä", "note.txt")
            with mlflow.start_run(experiment_id=owls, nested=True, run_name=""):
                mlflow.log_metric("inner", number)
    with mlflow.start_run(experiment_id=owls):
        data = mlflow.data.from_numpy(np.arange(6).reshape(2, 3), name="sechs")
        mlflow.log_input(data, context="training", tags={"ü": ""})
    broken = client.create_run("0", start_time=1)
    client.set_terminated(broken.info.run_id, "FAILED", end_time=2)
    client.delete_run(broken.info.run_id)
    client.log_batch(
        client.create_run(owls).info.run_id,
        metrics=[Metric("batch", 1 / 3, 1719326078000 + i, i) for i in range(500)],
        params=[Param(f"p{i}", str(i)) for i in range(50)],
        tags=[RunTag("ä", "ö")],
    )
    client.create_registered_model("modell", tags={"a": ""}, description="")
    for _ in range(2):
        client.create_model_version("modell", "file:///nowhere/ä", tags={"v": "1"})
    client.set_registered_model_alias("modell", "beste", 2)
    client.create_registered_model("other")
    client.create_logged_model(owls, name="logged", params={"a": "1"}, tags={"b": ""})
    mlflow.set_experiment(experiment_id=owls)
    trace(owls)


def trace(experiment: str) -> str:
    """Write a trace with two spans, and judge it."""
    with mlflow.start_span("außen") as outer:
        outer.set_inputs({"q": "wer?", "n": [1, None, 2.5]})
        with mlflow.start_span("innen") as inner:
            inner.set_outputs({"a": "Eule"})
        outer.set_outputs("")
    mlflow.flush_trace_async_logging()
    mlflow.log_feedback(trace_id=outer.trace_id, name="gut", value=True, rationale="so")
    mlflow.log_assessment(
        trace_id=outer.trace_id, assessment=Feedback(name="note", value={"x": [1, 2.5, "1e5"]})
    )
    assert client.get_trace(outer.trace_id).info.experiment_id == experiment
    return str(outer.trace_id)


def read() -> dict[str, object]:
    """Return what the client finds."""
    found: dict[str, object] = {}
    experiments = client.search_experiments(view_type=ViewType.ALL)
    found["experiments"] = {e.experiment_id: spoken(e) for e in experiments}
    owls = client.get_experiment_by_name("Eulen 🦉").experiment_id
    runs = client.search_runs(
        [e.experiment_id for e in experiments], run_view_type=ViewType.ALL, max_results=5000
    )
    found["runs"] = {
        run.info.run_id: json.loads(json.dumps(run.to_dictionary(), default=repr)) for run in runs
    }
    for run in found["runs"].values():
        for part in run.get("inputs", {}).values():
            part.sort(key=repr)
    found["history"] = {
        run.info.run_id: [spoken(m) for m in client.get_metric_history(run.info.run_id, name)]
        for run in runs for name in run.data.metrics
    }  # fmt: skip
    found["models"] = sorted(spoken(m) for m in client.search_registered_models())
    found["versions"] = sorted(spoken(v) for v in client.search_model_versions())
    found["best"] = spoken(client.get_model_version_by_alias("modell", "beste"))
    found["logged"] = [spoken(model) for model in client.search_logged_models([owls])]
    traces = client.search_traces(locations=[owls])
    found["traces"] = {
        one.info.trace_id: [[span.name, span.parent_id is None, span.inputs, span.outputs, span.start_time_ns]
                            for span in one.data.spans]
        + sorted([a.name, a.feedback.value, a.rationale] for a in one.info.assessments)
        for one in traces
    }  # fmt: skip
    return found


def spoken(entity: object) -> str:
    """Return the values of an entity."""
    return repr(sorted((name, spoken_value(value)) for name, value in dict(entity).items()))  # type: ignore[call-overload]


def spoken_value(value: object) -> str:
    """Return a value; dictionaries in order of their keys."""
    if isinstance(value, dict):
        return repr(sorted(value.items()))
    if isinstance(value, list):
        return repr([spoken_value(one) for one in value])
    return spoken(value) if hasattr(value, "_properties") and hasattr(value, "__iter__") else repr(value)


def go_on() -> dict[str, str]:
    """Search, and track a new run, model version, experiment and trace."""
    owls = client.get_experiment_by_name("Eulen 🦉").experiment_id
    runs = client.search_runs(
        [owls], "tags.n = '1' and params.rate = '0.001'", order_by=["metrics.last DESC"]
    )
    assert [run.info.run_name for run in runs] == ["Läufer 1"], runs
    client.log_metric(runs[0].info.run_id, "loss", math.nan, step=99)
    client.set_tag(runs[0].info.run_id, "n", "changed")
    new = client.create_experiment("new")
    assert int(new) > max(
        int(e.experiment_id) for e in client.search_experiments(view_type=ViewType.ALL) if e.name != "new"
    )
    with mlflow.start_run(experiment_id=new) as run:
        mlflow.log_metric("x", math.inf)
        mlflow.log_param("p", "")
    assert client.get_run(run.info.run_id).data.metrics["x"] > 1e308
    version = client.create_model_version("modell", "file:///nowhere")
    assert version.version in {"3", 3}
    client.set_registered_model_alias("modell", "beste", version.version)
    client.restore_experiment(client.get_experiment_by_name("gone").experiment_id)
    mlflow.set_experiment(experiment_id=owls)
    return {"experiment": new, "run": run.info.run_id, "trace": trace(owls)}


if __name__ == "__main__":
    print(json.dumps({"write": write, "read": read, "go_on": go_on}[sys.argv[1]](), default=repr))
