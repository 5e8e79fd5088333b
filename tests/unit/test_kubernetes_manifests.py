"""deploy/kubernetes: valid by Kubernetes' schemas, as strict as it gets, the same cluster as docker-compose.yml."""

from __future__ import annotations

import re
import subprocess
import uuid
from itertools import product
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from sqlalchemy import text

from migration.ledger import scrape_figures
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run
from migration.ledger.scrape_figures import STEP_PHASES
from migration.model import Phase, Source
from migration.run_options import RunOptions
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


def test_no_pod_is_killed_or_left_out_because_a_broker_or_a_ledger_is_away() -> None:
    """/healthz asks nobody; a probe of a producer or worker would have to ask the broker."""
    api = pods()["api"]["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert api[probe]["httpGet"] == {"path": "/healthz", "port": "http"}
    deployments = {document["metadata"]["name"]: document["spec"] for document in kind("Deployment")}
    for component in ("producer", "worker"):
        assert [name for name in pods()[component]["containers"][0] if name.endswith("Probe")] == []
        assert f"-n {component}@$HOSTNAME" in pods()[component]["containers"][0]["command"][-1]
        # Without a probe a Pod counts as ready at once, also one whose image does not start.
        assert deployments[f"convoy-{component}"]["minReadySeconds"] >= 30


def test_replicas_keep_to_different_nodes() -> None:
    for deployment in kind("Deployment"):
        (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == "kubernetes.io/hostname"
        assert spread["labelSelector"] == deployment["spec"]["selector"]


def test_the_producers_limit_holds_all_sources_that_it_looks_at_and_itself() -> None:
    (settings,) = kind("ConfigMap")
    (container,) = pods()["producer"]["containers"]
    threads = int(re.findall(r"--concurrency (\d+)", container["command"][-1])[0])
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Gi")) << 30

    assert limit >= threads * int(settings["data"]["MIGRATION_SOURCE_MEMORY_BYTES"]) + (512 << 20)


def commands_of_the_page() -> str:
    """All blocks of docs/kubernetes.md, which a cluster is needed to execute."""
    page = (PROJECT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    return "".join(re.findall(r"```text\n(.*?)```", page, re.DOTALL)).replace("\\\n", " ")


def test_certificates_that_the_pages_urls_name_are_mounted_in_every_pod() -> None:
    commands = commands_of_the_page()
    named = re.findall(r"(?:sslrootcert|ssl_ca_certs)=([^&\s']+)", commands)
    (made,) = re.findall(r"create configmap (\S+) .*--from-file=(\S+)", commands)

    assert len(named) == 2
    for pod in pods().values():
        (volume,) = [
            volume for volume in pod["volumes"] if volume.get("configMap", {}).get("name") == made[0]
        ]
        assert volume["configMap"]["optional"] is True
        (mount,) = [m for m in pod["containers"][0]["volumeMounts"] if m["name"] == volume["name"]]
        assert mount["readOnly"] is True
        assert set(named) == {f"{mount['mountPath']}/{made[1]}"}


def test_the_page_makes_every_key_of_the_secrets_that_the_manifests_name() -> None:
    commands = commands_of_the_page()
    made = {
        (secret, key)
        for secret, rest in re.findall(r"create secret generic (\S+) (.*)", commands)
        for key in re.findall(r"--from-literal=([\w-]+)=", rest)
    }
    named = {
        (entry["valueFrom"]["secretKeyRef"]["name"], entry["valueFrom"]["secretKeyRef"]["key"])
        for pod in pods().values()
        for entry in pod["containers"][0]["env"]
    }
    named |= {
        (ref["name"], ref["key"]) for ref in kind("TriggerAuthentication")[0]["spec"]["secretTargetRef"]
    }

    assert named == {(secret, key) for secret, key in made if secret == "convoy-secrets"}
    for component, pod in pods().items():
        stores = [ref["secretRef"] for ref in pod["containers"][0]["envFrom"] if "secretRef" in ref]
        wanted = [{"name": "convoy-stores", "optional": True}] if component in {"producer", "worker"} else []
        assert stores == wanted
    assert {key for secret, key in made if secret == "convoy-stores"} >= {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    }


def test_the_job_by_the_pages_command_has_the_image_that_the_deployments_run(tmp_path: Path) -> None:
    """With a kubectl that knows one Deployment's image and writes down what it is to create."""
    image = "registry.example:5000/team/convoy:0.2.0@sha256:0a1b"
    (block,) = re.findall(r"^image=.*\n^sed .*\n", commands_of_the_page(), re.MULTILINE)
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(
        f'#!/bin/sh\ncase "$1" in get) echo "$@" > "$ASKED"; printf %s "{image}";; create) cat > "$MADE";; esac\n',
        encoding="utf-8",
    )
    kubectl.chmod(0o755)
    asked, made = tmp_path / "asked", tmp_path / "made"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "ASKED": str(asked), "MADE": str(made)}
    subprocess.run(["sh", "-euc", block], cwd=PROJECT, env=environment, check=True)

    (job,) = yaml.safe_load_all(made.read_text(encoding="utf-8"))
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == image
    assert asked.read_text(encoding="utf-8").split()[2] in {d["metadata"]["name"] for d in kind("Deployment")}
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert {pod["containers"][0]["image"] for pod in pods().values()} == {entry["name"] for entry in listed}


def test_ports_of_encrypted_redis_poolers_and_traces_are_open() -> None:
    (policy,) = [policy for policy in kind("NetworkPolicy") if "Egress" in policy["spec"]["policyTypes"]]
    ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}

    assert ports >= {53, 443, 4318, 5432, 6379, 6380, 6432, 8000}


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
        {"parameter": "connection", "name": "convoy-secrets", "key": "keda-url"}
    ]


def test_the_query_of_the_scaling_is_that_of_the_metric(target_url: str) -> None:
    """On a real ledger of runs in every phase, each also paused, whose steps of all phases stand in every state."""
    (scaled,) = kind("ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    options = RunOptions(sources=(Source("s", "s.db"),), target_schema="s")
    engine = open_ledger(target_url)
    seen: dict[tuple[Phase, bool], int] = {}
    try:
        for phase, paused in product(Phase, (False, True)):
            run_id = create_run(engine, options)
            with engine.begin() as connection:
                values = {"id": run_id, "phase": phase.value, "paused": paused, "phases": STEP_PHASES}
                connection.execute(
                    text(
                        "UPDATE convoy.runs SET phase = :phase,"
                        " paused_at = CASE WHEN :paused THEN clock_timestamp() END WHERE id = :id"
                    ),
                    values,
                )
                connection.execute(
                    text(
                        "INSERT INTO convoy.steps (run_id, phase, state) SELECT :id, p, s"
                        " FROM unnest(CAST(:phases AS text[])) p,"
                        " unnest(ARRAY['pending', 'running', 'done', 'failed']) s"
                    ),
                    values | {"phases": list(STEP_PHASES)},
                )
                counted = connection.execute(text(query)).scalar_one()
                assert counted == connection.execute(scrape_figures._OPEN_STEPS).scalar_one()
                seen[phase, paused] = counted - sum(seen.values())
    finally:
        engine.dispose()

    assert {at: number for at, number in seen.items() if number} == {
        (Phase.PROFILING, False): 2,
        (Phase.COPYING, False): 2,
        (Phase.INDEXING, False): 4,
        (Phase.VALIDATING, False): 2,
    }


def test_the_role_that_the_page_makes_for_keda_may_ask_its_query(target_url: str) -> None:
    (scaled,) = kind("ScaledObject")
    query = scaled["spec"]["triggers"][0]["metadata"]["query"]
    engine = open_ledger(target_url)
    role = f"keda_{uuid.uuid4().hex[:12]}"
    grants = re.findall(r"^GRANT (?!CONNECT).*;$", commands_of_the_page(), re.MULTILINE)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE ROLE {role}"))
            for grant in grants:
                connection.execute(text(grant.replace(" TO keda;", f" TO {role}")))
            connection.execute(text(f"SET LOCAL ROLE {role}"))
            assert connection.execute(text(query)).scalar_one() == 0
            connection.rollback()
    finally:
        engine.dispose()


def test_every_network_policy_selects_what_is_there() -> None:
    labels = [
        document["spec"]["template"]["metadata"]["labels"]
        for document in documents()
        if "template" in document.get("spec", {})
    ]
    for policy in kind("NetworkPolicy"):
        wanted = policy["spec"]["podSelector"]["matchLabels"]
        assert any(wanted.items() <= found.items() for found in labels)
