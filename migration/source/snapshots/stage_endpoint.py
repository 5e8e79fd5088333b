"""A stage that needs no third party: the API on the producer's host, which serves its folder of snapshots."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from migration.certificate_dates import remedy_of_dates
from migration.convoy_error import NextStep
from migration.errors import SnapshotFetchError, StageUnreachableError
from migration.source.snapshots.fetch_words import fetch_reason, with_proxy
from migration.source.source_path import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

SNAPSHOTS_PATH: Final = "/api/v1/migration/snapshots"
NOT_FOUND_TYPE: Final = "urn:convoy:problem:snapshot-not-found"
_TIMEOUT_SECONDS = 20.0
_PIECE_BYTES = 1 << 20
_MOST_QUOTED = 300
_NO_SNAPSHOT = "0" * 64
_PAUSES_SECONDS = (0.5, 2.0)
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to the host that was named, and to no other."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


class EndpointStage:
    """Reads from `GET /api/v1/migration/snapshots/{sha256}` below a URL; publishes and removes nothing.

    The token is asked for with each request: a file of tokens may change while a worker runs.
    """

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        self._base = url.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirects)

    def locate(self, sha256: str) -> str:
        """Return the address of a snapshot."""
        return f"{without_credentials(self._base)}{SNAPSHOTS_PATH}/{sha256}"

    def publish(self, copy: Path, sha256: str, run_id: str) -> None:
        """Do nothing: the API serves the folder that the snapshot is in."""

    def size(self, sha256: str) -> int | None:
        """Return the bytes of a snapshot, or None where it is not there.

        Raises:
            StageUnreachableError: the API does not answer, after some tries.
        """
        for pause in (*_PAUSES_SECONDS, None):
            try:
                with self._opened(sha256, "bytes=0-0") as (_, size):
                    return size
            except FileNotFoundError:
                return None
            except StageUnreachableError:
                if pause is None:
                    raise
                time.sleep(pause)
        return None

    def read(self, sha256: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes of a snapshot from `start` up to `stop`, its size."""
        with self._opened(sha256, f"bytes={start}-") as (answer, size):
            if size != stop:
                raise SnapshotFetchError(
                    f"The stage has {size:,} bytes of a snapshot that has {stop:,}",
                    file=self.locate(sha256),
                    remedy="Start a new run",
                )
            while start < stop:
                piece = answer.read(min(_PIECE_BYTES, stop - start))
                if not piece:
                    raise EOFError("the transfer broke off")
                start += len(piece)
                yield piece

    def list_snapshots(self) -> Mapping[str, frozenset[str]]:
        """Return nothing: the producer looks after the folder itself."""
        return {}

    def forget(self, sha256: str, run_ids: Collection[str]) -> None:
        """Do nothing: there are no notes but those in the folder itself."""

    def try_out(self) -> None:
        """Ask for a snapshot that there is not: whose answer that is, is a stage, and has taken the token.

        Raises:
            StageUnreachableError: somebody else answers, or nobody, or the token is not taken.
        """
        self.size(_NO_SNAPSHOT)

    def remove(self, sha256: str) -> bool:  # noqa: ARG002
        """Remove nothing: the producer does that in the folder itself."""
        return False

    @contextmanager
    def _opened(self, sha256: str, wanted: str) -> Iterator[tuple[http.client.HTTPResponse, int]]:
        """Ask for a range, and yield the answer with the size of the whole."""
        request = urllib.request.Request(f"{self._base}{SNAPSHOTS_PATH}/{sha256}")  # noqa: S310 - http(s) only
        request.add_header("Authorization", f"Bearer {self._token()}")
        request.add_header("Range", wanted)
        request.add_header("If-Range", f'"{sha256}"')
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
                if answer.status != HTTPStatus.PARTIAL_CONTENT or found is None:
                    raise self._unreachable(sha256, "it does not answer with the range that was asked for")
                yield answer, int(found[2])
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(sha256, error) from error
        except (OSError, EOFError, ValueError, http.client.HTTPException) as error:
            raise self._unreachable(sha256, fetch_reason(error), remedy_of_dates(str(error)) or "") from error

    def _refused(self, sha256: str, error: urllib.error.HTTPError) -> Exception:
        problem = _problem(error)
        if error.code == HTTPStatus.NOT_FOUND and problem.get("type") == NOT_FOUND_TYPE:
            return FileNotFoundError(self.locate(sha256))
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return SnapshotFetchError(
                "The stage has less of a snapshot than has come already",
                file=self.locate(sha256),
                remedy="Start a new run",
            )
        said = f": {problem['detail']}".rstrip(".") if isinstance(problem.get("detail"), str) else ""
        answer = f"{error.code} {error.reason}{said[:_MOST_QUOTED]}"
        if error.code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return self._unreachable(
                sha256,
                f"the API does not take the token in MIGRATION_API_TOKEN, and answers {answer}",
                "Make a token with `migration-cli token create stage --scope run`, set MIGRATION_API_TOKEN (or the file"
                " that MIGRATION_API_TOKEN_FILE names) to it on that host, and start its worker anew",
                (NextStep("Make a token for that host", "migration-cli token create stage --scope run"),),
            )
        return self._unreachable(sha256, f"it answers {answer}")

    def _unreachable(
        self, sha256: str, reason: str, remedy: str = "", next_steps: tuple[NextStep, ...] = ()
    ) -> StageUnreachableError:
        # The host by its name: the sentence is read where the run is, and not where it was written.
        return StageUnreachableError(
            f"The stage cannot be used from host {socket.gethostname()}: {reason}",
            file=self.locate(sha256),
            remedy=with_proxy(
                remedy
                or "Check that the API runs on the producer's host, that the host of the worker reaches it,"
                " and MIGRATION_STAGE_URL and MIGRATION_API_TOKEN there",
                self._base,
            ),
            next_steps=next_steps,
        )


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    """Return the problem document of an answer, or nothing where it has none (RFC 9457)."""
    try:
        document = json.loads(error.read(_PIECE_BYTES))
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    return document if isinstance(document, dict) else {}
