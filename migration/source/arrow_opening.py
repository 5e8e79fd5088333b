"""The one place that opens SQLite files for the Arrow driver, with the caution of `database_opening.py`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

import adbc_driver_sqlite.dbapi

from migration.source.database_opening import CAUTION, snapshot_uri

if TYPE_CHECKING:
    from pathlib import Path

_READ_ONLY: Final = "PRAGMA query_only = ON"


def open_for_arrow(path: Path) -> adbc_driver_sqlite.dbapi.Connection:
    """Open a snapshot for reading by columns; the caller closes it.

    The driver links a SQLite of its own and can neither be interrupted nor limited, so it reads only what has been
    read within its limits before (`computed_value_trial.py`).

    Raises:
        adbc_driver_manager.Error: it cannot be opened.
    """
    connection = adbc_driver_sqlite.dbapi.connect(snapshot_uri(path))
    try:
        with closing(connection.cursor()) as cursor:
            for pragma in (*CAUTION, _READ_ONLY):
                cursor.execute(pragma)
    except BaseException:
        connection.close()
        raise
    return connection
