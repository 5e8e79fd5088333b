"""Files that libpq is told of by relative paths, named in full for processes that run in another folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

_OPTIONS = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile")
"""Options of a connection that name a file: https://www.postgresql.org/docs/current/libpq-connect.html"""
_VARIABLES = (
    *("PGPASSFILE", "PGSERVICEFILE", "PGSYSCONFDIR"),
    *("PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLCRL", "PGSSLCRLDIR"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),  # OpenSSL's own, for sslrootcert=system
)
_SYSTEM = "system"


def absolute_options(url: str) -> str:
    """Return a URL of libpq with the files in it named in full; of an option given twice libpq takes the last."""
    if not any(f"{name}=" in url for name in _OPTIONS):
        return url
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    relative = {name: str(parts[name]) for name in _OPTIONS if _is_relative(str(parts.get(name) or ""))}
    return url + "".join(f"&{name}={quote(str(Path(path).absolute()))}" for name, path in relative.items())


def absolute_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which libpq's variables name their files in full."""
    return {
        name: str(Path(value).absolute()) if name in _VARIABLES and _is_relative(value) else value
        for name, value in env.items()
    }


def _is_relative(path: str) -> bool:
    # A key of a hardware token is written engine:name.
    return bool(path) and path != _SYSTEM and ":" not in path and not Path(path).is_absolute()
