from __future__ import annotations

import io
import json
import logging
import sys
import threading

import pytest

from migration.log_context import bound_fields, log_fields
from migration.log_output import set_up_logging, uses_json
from migration.settings import Settings


def _settings(**values: object) -> Settings:
    return Settings(_env_file=None, **values)  # type: ignore[call-arg,arg-type]


class Lines:
    """What this process has written to standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def getvalue(self) -> str:
        return self._capsys.readouterr().err


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    return Lines(capsys)


def test_json_is_one_object_a_line_with_the_fields_of_the_context(lines: Lines) -> None:
    set_up_logging(_settings(log_format="json"), "worker")
    with log_fields(run="0198", table="book", chunk=4, source=None), log_fields(worker="w:1"):
        try:
            raise ValueError("line\nbreak")
        except ValueError:
            logging.getLogger("migration.x").exception("It %s", "broke")
    logging.getLogger("migration.x").info("after")
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("It broke", "error", "migration.x")
    assert (first["process"], first["run"], first["table"], first["chunk"]) == ("worker", "0198", "book", 4)
    assert first["worker"] == "w:1"
    assert "source" not in first
    assert first["exception"].endswith("ValueError: line\nbreak")
    assert first["timestamp"].endswith("Z")
    assert "run" not in second


@pytest.mark.parametrize("form", ["json", "text"])
def test_no_line_holds_a_secret_of_the_settings(lines: Lines, form: str) -> None:
    secret = 'hun"te\\r2'  # what JSON writes in another way
    settings = _settings(
        log_format=form, target_password=secret, api_token="t0ken-of-1", broker_url="redis://:br0ker-7x@c/0"
    )
    set_up_logging(settings, "api")
    try:
        raise ValueError(f"refused {secret}")
    except ValueError:
        logging.getLogger("x").exception("for %s with t0ken-of-1 at br0ker-7x", secret)
    with log_fields(host=secret):
        logging.getLogger("x").warning("see there")
    told = lines.getvalue()
    for hidden in (secret, json.dumps(secret)[1:-1], "t0ken-of-1", "br0ker-7x"):
        assert hidden not in told


def test_text_names_what_the_sentence_does_not(lines: Lines) -> None:
    set_up_logging(_settings(), "producer")
    with log_fields(run="0198c2", table="book"):
        logging.getLogger("x").warning("Run 0198c2 waits")
    line = lines.getvalue()
    assert " WARNING producer[" in line
    assert line.endswith("Run 0198c2 waits [table=book]\n")


_FORGED = "2026-11-30 09:00:00.000Z ERROR api[1] FORGED"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_nothing_sent_makes_a_line_of_text_or_moves_a_terminal(lines: Lines, end: str) -> None:
    set_up_logging(_settings(log_format="text"), "api")
    sent = f"/x{end}{_FORGED}\x1b[31m\0\u202e\x7f\udcff\x9b2J"
    # By the handler alone: what pytest captures goes to its main process, which takes no lone surrogates.
    (handler,) = (one for one in logging.getLogger().handlers if getattr(one, "is_convoys", False))
    with log_fields(request_id=f"a{sent}b"):
        handler.handle(logging.LogRecord("x", logging.WARNING, __file__, 1, "GET %s: 404", (sent,), None))
    told = lines.getvalue()
    assert told.endswith("]\n")
    assert told[:-1].isprintable(), told
    assert r"\x1b[31m\x00\u202e\x7f\udcff\x9b2J: 404" in told


def test_lines_of_a_traceback_are_indented_whatever_the_exception_says(lines: Lines) -> None:
    set_up_logging(_settings(log_format="text"), "api")
    try:
        raise ValueError(f"no\n{_FORGED}\r{_FORGED}\x1b[2J")
    except ValueError:
        logging.getLogger("x").exception("It broke")
    first, *trace = lines.getvalue().removesuffix("\n").split("\n")
    assert first.endswith("It broke")
    assert trace[0] == "  Traceback (most recent call last):"
    assert trace[-1] == rf"  {_FORGED}\r{_FORGED}\x1b[2J"
    assert all(line.startswith("  ") and line.isprintable() for line in trace)


def test_a_secret_of_many_lines_is_blanked_before_it_is_one_line(lines: Lines) -> None:
    set_up_logging(_settings(log_format="text", target_password="first\nsecond-half"), "api")
    logging.getLogger("x").warning("for first\nsecond-half")
    assert "second-half" not in lines.getvalue()


def test_celery_s_lines_about_each_message_are_for_debugging(lines: Lines) -> None:
    for level in ("INFO", "DEBUG"):
        set_up_logging(_settings(log_level=level), "worker")
        logging.getLogger("celery.worker.strategy").info("Task convoy.advance[%s] received", level)
        logging.getLogger("celery.app.trace").info("Task convoy.advance[%s] succeeded", level)
        logging.getLogger("celery.app.trace").error("Task convoy.advance[%s] raised unexpected", level)
    told = lines.getvalue()
    assert "[INFO] received" not in told
    assert "[INFO] succeeded" not in told
    assert "DEBUG worker" in told
    assert told.count("raised unexpected") == 2


def test_doing_it_again_replaces_the_first(lines: Lines) -> None:
    set_up_logging(_settings(), "api")
    set_up_logging(_settings(), "api", level="ERROR")
    logging.getLogger("x").warning("no")
    logging.getLogger("x").error("yes")
    assert lines.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [("auto", True, False), ("auto", False, True), ("text", False, False), ("json", True, True)],
)
def test_auto_asks_whether_a_terminal_reads(form: str, terminal: bool, is_json: bool) -> None:
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    assert uses_json(_settings(log_format=form), stream) is is_json


def test_fields_end_with_their_block() -> None:
    with log_fields(run="a"):
        with log_fields(run="b", step=1):
            assert bound_fields() == {"run": "b", "step": 1}
        assert bound_fields() == {"run": "a"}
    assert bound_fields() == {}


def test_what_nobody_can_catch_is_a_line_too(lines: Lines) -> None:
    set_up_logging(_settings(log_format="json"), "producer")

    class Fragile:
        def __del__(self) -> None:
            raise RuntimeError("as it was collected")

    def fall() -> None:
        raise ValueError("in a thread")

    Fragile()
    thread = threading.Thread(target=fall, name="faller")
    thread.start()
    thread.join()
    try:
        raise KeyError("at the end")
    except KeyError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    collected, of_thread, of_process = map(json.loads, lines.getvalue().splitlines())
    assert "Fragile.__del__" in collected["event"]
    assert collected["exception"].endswith("RuntimeError: as it was collected")
    assert of_thread["event"] == "The thread faller ends: ValueError: in a thread"
    assert of_process["event"] == "The process ends: KeyError: 'at the end'"
    assert (of_thread["level"], of_process["level"]) == ("critical", "critical")
    assert "Traceback" in of_process["exception"]
