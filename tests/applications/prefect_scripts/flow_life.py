"""What the Prefect server at PREFECT_API_URL sees: `write` at the first, `read` at either, `go_on` at the second."""

import asyncio
import datetime as dt
import json
import sys
import time

from prefect import flow, get_client, get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.blocks.system import Secret
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Scheduled
from prefect.variables import Variable

CHANGING = {"estimated_run_time", "estimated_start_time_delta", "block_schema", "block_type"}
"""Of the moment, or registered anew when a server starts."""
UNLIKE_NUMBERS = {
    "id": "9e115e10-0000-4000-8000-1e9999999999",
    "invoice": "invoice-20240115",
    "n": [1, 2.5, None, True, "1e5"],
}


@task(tags=["ä", "1e5"])
def hoot(number: int) -> int:
    """Succeed or fail."""
    get_run_logger().warning("Huhu 🦉 %s\n'%%s'", number)
    if number == 2:
        raise ValueError("zwei")
    return number * 2


@flow(name="Eule 🦉", description="")
def owl(number: int, facts: dict, text: str = "") -> int:
    """Run a task or two."""
    create_markdown_artifact(f"# ä {number}", key="bild", description="")
    create_table_artifact([{"a": 1, "b": None}, {"a": 2.5, "b": text}], key="tafel")
    return hoot(number) + hoot(number * 10)


async def write() -> None:
    """Run flows, and make one of each thing."""
    for number in range(4):
        owl(number, UNLIKE_NUMBERS, text="\\ ' \u2028", return_state=True)
    await Secret(value="geheim ü").save("password", overwrite=True)
    await Variable.aset("facts", UNLIKE_NUMBERS, tags=["x"])
    await Variable.aset("word", "")
    async with get_client() as client:
        await client.create_work_pool(WorkPoolCreate(name="pool", type="process", concurrency_limit=3))
        await client.create_global_concurrency_limit(
            GlobalConcurrencyLimitCreate(name="grenze", limit=5, slot_decay_per_second=0.1)
        )
        await client.create_concurrency_limit(tag="ä", concurrency_limit=2)
        deployment = await deploy("nachts")
        run = await client.create_flow_run_from_deployment(
            deployment, parameters={"number": 1, "facts": {}}, tags=["von Hand"],
            state=Scheduled(scheduled_time=dt.datetime(2031, 6, 25, 14, 34, 38, 574204, tzinfo=dt.UTC)),
        )  # fmt: skip
        await client.set_flow_run_state(run.id, Cancelled(message=""), force=True)
    await settled(8)


async def deploy(name: str) -> object:
    """Deploy the flow with two schedules."""
    made = await owl.ato_deployment(
        name=name, cron="0 3 * * *", parameters={"number": 3, "facts": UNLIKE_NUMBERS}, tags=["nacht"],
        description="ä", version="1.0", enforce_parameter_schema=True,
    )  # fmt: skip
    return await made.aapply()


async def settled(tasks: int) -> None:
    """Wait until the server has written down that many task runs, and what they logged."""
    async with get_client() as client:
        for _ in range(240):
            runs = await client.read_task_runs(limit=200)
            if len(runs) >= tasks - 1 and all(run.state and run.state.is_final() for run in runs):
                break
            time.sleep(0.5)
        else:
            raise AssertionError(runs)
    time.sleep(3)  # logs and events are sent in parts


async def read() -> dict[str, object]:
    """Return what the server's API tells."""
    found = {}
    async with get_client() as client:
        for name, path, body in (
            ("flows", "/flows/filter", {}), ("flow_runs", "/flow_runs/filter", {}),
            ("task_runs", "/task_runs/filter", {}), ("deployments", "/deployments/filter", {}),
            ("variables", "/variables/filter", {}), ("artifacts", "/artifacts/filter", {}),
            ("logs", "/logs/filter", {}), ("work_pools", "/work_pools/filter", {}),
            ("blocks", "/block_documents/filter", {"include_secrets": True}),
            ("limits", "/v2/concurrency_limits/filter", {}),
        ):  # fmt: skip
            answer = await client._client.post(path, json=body)
            assert answer.status_code == 200, (path, answer.text)
            found[name] = {
                one["id"]: {k: v for k, v in one.items() if k not in CHANGING} for one in answer.json()
            }
        for run in found["flow_runs"]:
            states = await client.read_flow_run_states(run)
            found[f"states {run}"] = sorted(
                json.dumps(State.model_dump(s, mode="json"), sort_keys=True) for s in states
            )
    found["secret"] = (await Secret.load("password")).get()
    found["facts"] = await Variable.aget("facts")
    return found


async def go_on() -> dict[str, int]:
    """Read the old secret, run the old flow, deploy, and make new things."""
    assert (await Secret.load("password")).get() == "geheim ü"
    assert await Variable.aget("facts") == UNLIKE_NUMBERS
    async with get_client() as client:
        before = len(await client.read_task_runs(limit=200))
        old = await client.read_deployment_by_name("Eule 🦉/nachts")
        scheduled = await client.create_flow_run_from_deployment(
            old.id, parameters={"number": 1, "facts": {}}
        )
        assert scheduled.state.is_scheduled()
    assert owl(5, {"a": 1}) == 110
    await Secret(value="neu").save("other")
    await Variable.aset("facts", {"new": True}, overwrite=True)
    await deploy("mittags")
    await settled(before + 2)
    async with get_client() as client:
        await client.delete_flow_run(scheduled.id)
        return {"task_runs": len(await client.read_task_runs(limit=200)) - before}


if __name__ == "__main__":
    print(json.dumps(asyncio.run({"write": write, "read": read, "go_on": go_on}[sys.argv[1]]())))
