"""What ended a fetch over HTTP, in words of a person, and the proxy of the environment that it went through.

urllib, botocore and aiohttp take HTTP_PROXY, HTTPS_PROXY and no_proxy from the environment, and none of them says so
where it fails: what was refused by the proxy would be looked for at the address that was named.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from typing import Final
from urllib.parse import urlsplit

_STORES: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss"})
_OVER_HTTP: Final = _STORES | {"http", "https"}
_OF_OPENSSL: Final = re.compile(r"\[[A-Z0-9_: ]+\] | \(_ssl\.c:\d+\)")


def fetch_reason(error: BaseException) -> str:
    """Return why a fetch ended, without what Python's libraries put around it.

    >>> fetch_reason(urllib.error.URLError(ConnectionRefusedError(111, "Connection refused")))
    'Connection refused'
    """
    while isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _OF_OPENSSL.sub("", told) or type(error).__name__


def environment_proxy(location: str) -> str:
    """Return the proxy that the environment puts before a URL, without its password; empty where it puts none there.

    Stores of objects (``s3://``) are reached over HTTPS.
    """
    parts = urlsplit(location)
    scheme = parts.scheme.lower()
    proxies = urllib.request.getproxies()
    proxy = proxies.get("https" if scheme in _STORES else scheme, "") if scheme in _OVER_HTTP else ""
    if not proxy or urllib.request.proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    address = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}"


def proxy_remedy(location: str) -> str:
    """Return a sentence on the proxy of the environment, without a full stop; empty where there is none."""
    parts, proxy = urlsplit(location), environment_proxy(location)
    if not proxy:
        return ""
    kind = "HTTP_PROXY" if parts.scheme.lower() == "http" else "HTTPS_PROXY"
    host = "the store's host" if parts.scheme.lower() in _STORES else parts.hostname or "its host"
    return (
        f"It goes through the proxy {proxy} that {kind} names in the environment: check that one, or let no_proxy"
        f" name {host}, where it can be reached without"
    )


def with_proxy(remedy: str, location: str) -> str:
    """Return a remedy with the proxy's before it, where a fetch from there goes through one."""
    return ". ".join(filter(None, (proxy_remedy(location), remedy)))
