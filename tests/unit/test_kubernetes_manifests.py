"""deploy/kubernetes: valid by Kubernetes' schemas, as strict as it gets, the same cluster as docker-compose.yml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import text

from migration.ledger.ledger_database import open_ledger
from migration.model import Phase
from migration.settings import Settings

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "deploy" / "kubernetes"
FILES = sorted(path for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
SECRETS = {"MIGRATION_BROKER_URL", "MIGRATION_TARGET_URL", "MIGRATION_API_TOKEN"}


def documents() -> list[dict[str, Any]]:
    return [document for path in FILES for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def kind(name: str) -> list[dict[str, Any]]:
    return [document for document in documents() if document["kind"] == name]


def pods() -> dict[str, dict[str, Any]]:
    return {
        document["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"]: document["spec"][
            "template"
        ]["spec"]
        for document in documents()
        if "template" in document.get("spec", {})
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_document_is_valid(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        if not document["apiVersion"].startswith("keda.sh/"):
            kubernetes_validate.validate(document, "1.30", strict=True)


def test_the_kustomization_has_every_file_but_the_job() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]

    assert sorted(listed) == sorted(path.name for path in FILES if path.name != "migration-job.yaml")


@pytest.mark.parametrize("component", ["api", "producer", "worker", "migration"])
def test_a_pod_may_do_nothing_but_its_work(component: str) -> None:
    pod = pods()[component]
    (container,) = pod["containers"]

    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]
    written = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert written == {"/tmp", "/var/lib/convoy/snapshots", "/var/lib/convoy/reports"}
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }


def test_secrets_are_references_and_only_the_api_has_the_token() -> None:
    for component, pod in pods().items():
        entries = {entry["name"]: entry for entry in pod["containers"][0]["env"]}
        assert set(entries) == SECRETS - (set() if component == "api" else {"MIGRATION_API_TOKEN"})
        assert all(
            entry["valueFrom"]["secretKeyRef"]["name"] == "convoy-secrets" and "value" not in entry
            for entry in entries.values()
        )
    assert kind("Secret") == []


def test_settings_are_settings_and_lead_to_what_is_mounted() -> None:
    (settings,) = kind("ConfigMap")
    names = {
        name.removeprefix("MIGRATION_").lower() for name in settings["data"] if name.startswith("MIGRATION_")
    }

    assert names <= set(Settings.model_fields)
    mounted = {mount["mountPath"] for mount in pods()["worker"]["containers"][0]["volumeMounts"]}
    for name in ("SOURCE_ROOT", "SNAPSHOT_DIR", "REPORT_DIR"):
        assert settings["data"][f"MIGRATION_{name}"] in mounted
    assert settings["data"]["MIGRATION_LOG_DIR"].startswith(settings["data"]["MIGRATION_REPORT_DIR"])


def test_probes_ask_what_the_api_answers_and_the_processes_ping() -> None:
    api = pods()["api"]["containers"][0]
    assert api["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert api["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    for component in ("producer", "worker"):
        probe = pods()[component]["containers"][0]["livenessProbe"]
        command = probe["exec"]["command"][-1]
        assert f"-A {component}.app inspect ping -d {component}@$HOSTNAME" in command
        assert probe["timeoutSeconds"] > int(re.findall(r"--timeout (\d+)", command)[0])
        assert f"-n {component}@$HOSTNAME" in pods()[component]["containers"][0]["command"][-1]


@pytest.mark.parametrize("component", ["api", "producer", "worker"])
def test_a_process_is_that_of_docker_compose(component: str) -> None:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text(encoding="utf-8"))
    theirs = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", compose["services"][component]["command"])
    command = pods()[component]["containers"][0]["command"]
    ours = " ".join(command) if component == "api" else command[-1].removeprefix("exec ")

    assert ours.replace("@$HOSTNAME", "@%h") == theirs


def test_disruptions_leave_one_of_each_and_workers_have_time_to_end_a_chunk() -> None:
    budgets = {document["metadata"]["name"]: document["spec"] for document in kind("PodDisruptionBudget")}
    deployments = {document["metadata"]["name"]: document["spec"] for document in kind("Deployment")}

    assert set(budgets) == set(deployments)
    for name, budget in budgets.items():
        assert budget["selector"] == deployments[name]["selector"]
        assert budget.get("minAvailable", 0) < deployments[name].get("replicas", 2)
    assert pods()["worker"]["terminationGracePeriodSeconds"] >= 120
    assert "replicas" not in deployments["convoy-worker"], "KEDA's number would be undone by each apply"


def test_the_job_is_not_tried_again_and_tells_its_status() -> None:
    (job,) = kind("Job")

    assert job["spec"]["backoffLimit"] == 0
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["template"]["spec"]["containers"][0]["command"][:2] == ["migration-cli", "migrate"]


def test_scaling_has_what_keda_asks_for() -> None:
    """https://keda.sh/docs/latest/scalers/postgresql/: query, targetQueryValue, connection by reference."""
    (scaled,), (login,) = kind("ScaledObject"), kind("TriggerAuthentication")
    (trigger,) = scaled["spec"]["triggers"]

    assert scaled["spec"]["scaleTargetRef"]["name"] in {d["metadata"]["name"] for d in kind("Deployment")}
    assert scaled["spec"]["minReplicaCount"] <= scaled["spec"]["maxReplicaCount"]
    assert set(trigger) == {"type", "metadata", "authenticationRef"}
    assert trigger["authenticationRef"]["name"] == login["metadata"]["name"]
    assert set(trigger["metadata"]) == {"query", "targetQueryValue"}
    assert all(isinstance(value, str) for value in trigger["metadata"].values())
    assert login["spec"]["secretTargetRef"] == [
        {"parameter": "connection", "name": "convoy-secrets", "key": "target-url"}
    ]


def test_the_query_of_the_scaling_counts_open_steps_of_a_real_ledger(target_url: str) -> None:
    (scaled,) = kind("ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    engine = open_ledger(target_url)
    try:
        with engine.connect() as connection:
            assert connection.execute(text(query)).scalar_one() == 0
    finally:
        engine.dispose()
    phases = set(re.findall(r"'(\w+)'", query.partition("r.phase")[2]))
    assert phases <= {phase.value for phase in Phase}
    assert {"copying", "validating"} <= phases


def test_every_network_policy_selects_what_is_there() -> None:
    labels = [
        document["spec"]["template"]["metadata"]["labels"]
        for document in documents()
        if "template" in document.get("spec", {})
    ]
    for policy in kind("NetworkPolicy"):
        wanted = policy["spec"]["podSelector"]["matchLabels"]
        assert any(wanted.items() <= found.items() for found in labels)
