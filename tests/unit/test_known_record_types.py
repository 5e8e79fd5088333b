"""Records of one type are decoded by several threads at once from the first moment of a process on."""

from __future__ import annotations

import subprocess
import sys

AT_ONCE = """
import sys
import threading

from migration.ledger.json_encoding import from_json, to_json
from migration.model import Source
from migration.run_options import RunOptions

sys.setswitchinterval(1e-6)
record = RunOptions(sources=(Source("shop", "shop.db"),))
encoded = to_json(record)
start, wrong = threading.Barrier(16), []


def decode() -> None:
    start.wait()
    if from_json(RunOptions, encoded) != record:
        wrong.append(1)


threads = [threading.Thread(target=decode) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(bool(wrong))
"""


def test_first_records_of_a_process_may_be_decoded_at_the_same_moment() -> None:
    started = [subprocess.Popen([sys.executable, "-c", AT_ONCE]) for _ in range(8)]
    assert [process.wait(timeout=120) for process in started] == [0] * 8
