"""What the recorder writes down in a house: `write` into the first database, `read` from either, `go_on` in the second.

Home Assistant's own core runs, with no integration but the recorder.
"""

import asyncio
import datetime as dt
import json
import logging
import os
import sys
from pathlib import Path

from homeassistant import bootstrap, config_entries, loader
from homeassistant.components.recorder import get_instance, history, statistics
from homeassistant.components.recorder.models import StatisticMetaData
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import recorder as recorder_helper
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

ENTITIES = ("sensor.kueche", "binary_sensor.tuer", "light.flur")
HOUR = dt.datetime(2024, 6, 25, 14, tzinfo=dt.UTC)
BEFORE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


async def house() -> HomeAssistant:
    """Start the core with its recorder."""
    hass = HomeAssistant(str(Path.cwd()))
    hass.config.skip_pip = True
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    loader.async_setup(hass)
    await bootstrap.async_load_base_functionality(hass)
    recorder_helper.async_initialize_recorder(hass)
    settings = {
        "db_url": os.environ["HOUSE_DATABASE"],
        "commit_interval": 0,
        "auto_purge": False,
        "db_max_retries": 1,
    }
    assert await async_setup_component(hass, "recorder", {"recorder": settings})
    assert await recorder_helper.async_wait_recorder(hass)
    await hass.async_start()
    return hass


async def happen(hass: HomeAssistant, mark: str) -> None:
    """Let states change, events be fired and statistics be imported."""
    for number in range(30):
        hass.states.async_set(
            ENTITIES[number % 3], ("21.5", "unavailable", "on", "", "ü 🦉")[number % 5],
            {"unit": "°C", "n": number, "list": [1, 2.5, None], "id": "9e115e10-0000-4000-8000-1e9999999999"},
            context=Context(user_id="0f" * 16 if number % 2 else None),
        )  # fmt: skip
    hass.states.async_set("sensor.gone", "x" * 255)
    hass.states.async_remove("sensor.gone")
    hass.bus.async_fire("owl_seen", {"mark": mark, "tief": {"a": [1e300, "\u2028"]}})
    hass.bus.async_fire("owl_seen", {})
    hours = [
        {"start": HOUR + dt.timedelta(hours=hour), "mean": hour + 0.1, "min": -hour / 3, "max": 1e300,
         "sum": hour * 1.1,          "state": None if hour % 2 else 0.1 + 0.2, "last_reset": HOUR if hour % 3 else None}
        for hour in range(48)
    ]  # fmt: skip
    meta = StatisticMetaData(has_mean=True, has_sum=True, name="Zähler", source="recorder",
                             statistic_id=f"sensor.meter_{mark}", unit_of_measurement="kWh")  # fmt: skip
    statistics.async_import_statistics(hass, meta, hours)
    other = {**meta, "source": "grid", "statistic_id": f"grid:{mark}", "name": None, "has_mean": False}
    statistics.async_add_external_statistics(hass, other, hours)
    await hass.async_block_till_done()
    await get_instance(hass).async_block_till_done()


async def write() -> None:
    """Live for a while, twice."""
    for mark in ("write", "again"):
        hass = await house()
        await happen(hass, mark)
        await hass.async_stop()


async def told(hass: HomeAssistant) -> dict[str, object]:
    """Return what history and statistics show of the first database's time."""
    until = dt.datetime.fromtimestamp(float(os.environ["HOUSE_LEFT"]), dt.UTC)
    there = get_instance(hass)
    states = await there.async_add_executor_job(
        history.get_significant_states, hass, BEFORE, until, [*ENTITIES, "sensor.gone"], None, False, False
    )
    sums = await there.async_add_executor_job(
        statistics.statistics_during_period, hass, HOUR, None, {"sensor.meter_write", "grid:write", "grid:again"},
        "hour", None, {"mean", "min", "max", "sum", "state", "last_reset"},
    )  # fmt: skip
    known = await there.async_add_executor_job(statistics.list_statistic_ids, hass)
    return {
        "states": {
            name: [
                [s.state, dict(s.attributes), s.last_changed.isoformat(), s.last_updated.isoformat()]
                for s in rows
            ]
            for name, rows in states.items()
        },
        "statistics": sums,
        "known": sorted(known, key=lambda one: one["statistic_id"]),
    }


async def read() -> dict[str, object]:
    """Start, and return what is told."""
    hass = await house()
    found = await told(hass)
    await hass.async_stop()
    return found


async def go_on() -> dict[str, object]:
    """Start, return what is told, and go on living: new rows of each kind, and sums that go on."""
    hass = await house()
    found = await told(hass)
    await happen(hass, "later")
    here = get_instance(hass)
    new = await here.async_add_executor_job(
        statistics.statistics_during_period,
        hass,
        HOUR,
        None,
        {"sensor.meter_later", "grid:later"},
        "hour",
        None,
        {"sum"},
    )
    assert [len(rows) for rows in new.values()] == [48, 48]
    now = dt_util.utcnow()
    states = await here.async_add_executor_job(
        history.get_significant_states,
        hass,
        now - dt.timedelta(minutes=5),
        now,
        list(ENTITIES),
        None,
        False,
        False,
    )
    assert all(rows for rows in states.values())
    await hass.services.async_call("recorder", "purge", {"keep_days": 100, "repack": False}, blocking=True)
    await here.async_block_till_done()
    await hass.async_stop()
    return found


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    print(json.dumps(asyncio.run({"write": write, "read": read, "go_on": go_on}[sys.argv[1]]())))
