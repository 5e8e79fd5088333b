"""Which URLs a setting takes, looked at where the setting is read: a wrong one is no fault of the server behind it."""

from __future__ import annotations

from typing import Final

from pydantic_core import PydanticCustomError

from migration.secret_text import ESCAPE_IT, has_bare_password

_SCHEMES: Final = {
    "broker_url": (("redis", "rediss"), "Redis or Valkey, as redis://HOST:6379/0, or rediss:// with TLS"),
    "target_url": (("postgresql", "postgres"), "PostgreSQL, as postgresql://USER@HOST:5432/DATABASE"),
    "otlp_endpoint": (("http", "https"), "a collector of OpenTelemetry, as http://HOST:4318"),
    "flower_url": (("http", "https"), "a page, as http://HOST:5555, or a path on the API's own host"),
}
URL_SETTINGS: Final = (*_SCHEMES, "stage_url", "source_urls")


def check_setting_url(setting: str, value: str) -> None:
    """Make sure that a setting names what it is for; a message never quotes more than the scheme.

    Raises:
        ValueError: it does not.
    """
    if any(map(has_bare_password, value.split())):
        raise PydanticCustomError("url_password", ESCAPE_IT[:1].upper() + ESCAPE_IT[1:])
    if setting in _SCHEMES:
        schemes, wanted = _SCHEMES[setting]
        if not _fits(setting, value, schemes):
            raise PydanticCustomError("url_scheme", f"It must name {wanted}{_not(value)}")
        return
    for url in value.split() if setting == "source_urls" else [value]:
        if _scheme(url) and not _is_known(_scheme(url)):
            raise PydanticCustomError(
                "url_scheme", f"There is no way to read{_not(url).removeprefix(', not')}"
            )
        if setting == "source_urls" and not _scheme(url):
            raise PydanticCustomError("url_scheme", "It holds URLs with a scheme, as https:// or s3://")


def _fits(setting: str, value: str, schemes: tuple[str, ...]) -> bool:
    if _scheme(value):
        return _scheme(value) in schemes
    # libpq also takes pairs, `host=a dbname=b`; the command line, `embedded`.
    if setting == "target_url":
        return "=" in value or value == "embedded"
    return setting == "flower_url" and value.startswith("/")


def _scheme(url: str) -> str:
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


def _not(url: str) -> str:
    scheme = _scheme(url)
    return f", not {scheme}://" if scheme.replace("+", "").isalnum() and len(scheme) < 20 else ""  # noqa: PLR2004


def _is_known(scheme: str) -> bool:
    if scheme in {"http", "https", "file", "s3", "gs", "az", "memory"}:
        return True
    from fsspec.registry import known_implementations

    return all(part in known_implementations for part in scheme.split("+"))
