"""A fetch that fails behind a proxy of the environment names the proxy, without its password, and no_proxy."""

from __future__ import annotations

import http.client
import ssl
import urllib.error

import pytest

from migration.errors import SourceError, StageUnreachableError
from migration.model import Source
from migration.source.snapshots.fetch_words import environment_proxy, fetch_reason
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.source.snapshots.stage_endpoint import EndpointStage

DEAD = "http://127.0.0.1:9"
NAMES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy"])
def test_a_source_behind_a_dead_proxy_names_it(monkeypatch, folder, variable):
    monkeypatch.setenv(variable, "http://me:s3cret@127.0.0.1:9")
    with pytest.raises(SourceError) as caught:
        take_snapshot(Source("web", "http://example.test:8080/n.db"), folder)
    told = str(caught.value)
    assert "The file cannot be fetched: Connection refused" in told
    assert "the proxy http://127.0.0.1:9 that HTTP_PROXY names" in told
    assert "let no_proxy name example.test" in told
    assert "s3cret" not in told
    assert "urlopen" not in told


def test_a_stage_behind_a_dead_proxy_names_it(monkeypatch):
    monkeypatch.setattr("migration.source.snapshots.stage_endpoint._PAUSES_SECONDS", ())
    monkeypatch.setenv("HTTP_PROXY", "127.0.0.1:9")
    with pytest.raises(StageUnreachableError, match=r"Connection refused.*the proxy http://127\.0\.0\.1:9 "):
        EndpointStage("http://stage.test:8000", lambda: "x").try_out()


def test_what_a_proxy_answers_is_told_with_the_proxy(monkeypatch, folder):
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(502, "Bad Gateway")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("HTTP_PROXY", proxy)
        with pytest.raises(SourceError, match=f"answers 502 Bad Gateway.*the proxy {proxy} "):
            take_snapshot(Source("web", "http://example.test/n.db"), folder)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_without_a_proxy_nothing_is_said_of_one(folder):
    with pytest.raises(SourceError) as caught:
        take_snapshot(Source("web", f"{DEAD}/n.db"), folder)
    assert "proxy" not in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "urlopen" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "environment", "proxy"),
    [
        ("http://a.test/x", {"http_proxy": DEAD}, DEAD),
        ("http://a.test/x", {"https_proxy": DEAD}, ""),
        ("https://a.test/x", {"https_proxy": DEAD}, DEAD),
        ("http://a.test/x", {"http_proxy": DEAD, "no_proxy": "a.test"}, ""),
        ("http://a.test:81/x", {"http_proxy": DEAD, "no_proxy": ".test"}, ""),
        ("http://a.test/x", {"http_proxy": DEAD, "no_proxy": "*"}, ""),
        ("http://u:p@a.test/x", {"http_proxy": DEAD, "no_proxy": "a.test"}, ""),
        ("s3://bucket/x", {"https_proxy": DEAD}, DEAD),
        ("s3://bucket/x", {"https_proxy": DEAD, "no_proxy": "*"}, ""),
        ("s3://bucket/x", {"http_proxy": DEAD}, ""),
        ("file:///x", {"http_proxy": DEAD, "https_proxy": DEAD}, ""),
        ("memory://x/y", {"http_proxy": DEAD, "https_proxy": DEAD}, ""),
        ("/srv/x.db", {"http_proxy": DEAD, "https_proxy": DEAD}, ""),
    ],
)
def test_the_proxy_is_the_one_that_urllib_takes(monkeypatch, location, environment, proxy):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert environment_proxy(location) == proxy


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (urllib.error.URLError(OSError(111, "Connection refused")), "Connection refused"),
        (urllib.error.URLError("no host given"), "no host given"),
        (urllib.error.URLError(urllib.error.URLError(TimeoutError("timed out"))), "timed out"),
        (TimeoutError(), "TimeoutError"),
        (
            http.client.RemoteDisconnected("Remote end closed connection without response"),
            "the connection was closed without an answer",
        ),
        (
            urllib.error.URLError(
                ssl.SSLCertVerificationError(
                    1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate expired (_ssl.c:1006)"
                )
            ),
            "certificate expired",
        ),
    ],
)
def test_a_reason_is_told_without_the_words_of_the_library(error, reason):
    assert fetch_reason(error) == reason
