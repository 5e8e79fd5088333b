"""What the stage must be for the hosts that share no disk: there, with a token that it takes, read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from migration.source.source_path import without_credentials
from producer.cli.doctor.check_result import CheckResult, Health, told

if TYPE_CHECKING:
    from migration.settings import Settings


def check_stage(settings: Settings) -> list[CheckResult]:
    """Try the stage of the settings as this host would use it; nothing where none is named.

    A folder or store gets a few bytes, which are read and removed again; the API is asked for a snapshot that it does
    not have.
    """
    from migration.source.snapshots.snapshot_stage import SETTING, open_stage

    if settings.stage_url is None:
        return []
    results: list[CheckResult] = []
    place = without_credentials(settings.stage_url)
    with told("stage", results):
        stage = open_stage(settings)
        if stage is None:
            results.append(CheckResult("stage", Health.OK, f"{place}, the folder of snapshots itself"))
            return results
        refusal = stage.try_out()
        if refusal is not None:
            results.append(
                CheckResult(
                    "stage",
                    Health.WARNING,
                    f"{place} is read, which does for a worker's host; a producer's must write: {refusal}",
                    f"On the producer's host, give {SETTING} and its credentials the right to write and remove",
                )
            )
        elif urlsplit(settings.stage_url).scheme.lower() in {"http", "https"}:
            results.append(
                CheckResult("stage", Health.OK, f"the API at {place}, which takes this host's token")
            )
        else:
            results.append(CheckResult("stage", Health.OK, f"{place}, read and written"))
    return results
