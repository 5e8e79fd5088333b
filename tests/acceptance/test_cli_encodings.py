"""What a terminal cannot show is no failure of a run that is proved."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.shell import Shell, make_database


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_encoding_of_the_terminal_does_not_change_the_status(
    tmp_path: Path, target_url: str, encoding: str
) -> None:
    shell = Shell(tmp_path, target_url)
    make_database(shell.folder / "shop.db")
    shell.environment["PYTHONIOENCODING"] = encoding
    status, out, err = shell.run("migrate", "--source", "shop.db")
    assert (status, err) == (0, "")
    assert "\\u2714" in out
