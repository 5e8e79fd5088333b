"""What a first look has made in folders that were not there before: gone again, unless a migration came of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from migration.settings import Settings, state_folder


class FirstLookFolders:
    """Remembers which folders are not there yet; `remove` takes away those that have come since."""

    def __init__(self, settings: Settings) -> None:
        state = state_folder(settings).path.absolute()
        named = (settings.snapshot_dir, settings.report_dir, settings.log_folder, settings.embedded_dir)
        self._embedded = settings.embedded_dir.absolute()
        # The state folder goes last, with the lock files that lie in it.
        self._absent = [
            path for path in (*(folder.absolute() for folder in named), state) if not path.exists()
        ]

    def remove(self) -> None:
        """Remove what has come since, but no database that another command has begun to use meanwhile."""
        if (self._embedded / "postmaster.pid").exists():
            return
        for path in self._absent:
            if path.is_symlink():  # root's PostgreSQL keeps its data elsewhere, where its user may go
                shutil.rmtree(path.resolve(), ignore_errors=True)
                path.unlink()
            elif path.is_dir() and not self._holds_what_was_there(path):
                shutil.rmtree(path, ignore_errors=True)

    def _holds_what_was_there(self, path: Path) -> bool:
        return self._embedded not in self._absent and path in self._embedded.parents
