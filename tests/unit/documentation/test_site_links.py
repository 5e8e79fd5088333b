"""A link that leads nowhere is found, whatever it points with."""

from __future__ import annotations

from pathlib import Path

import pytest

from documentation.site_links import broken_links


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "part").mkdir()
    (tmp_path / "index.html").write_text('<h1 id="top">x</h1><a name="old"></a>', encoding="utf-8")
    (tmp_path / "a b.png").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ('<a href="../index.html">', None),
        ('<a href="../index.html#top">', None),
        ('<a href="../index.html#old">', None),
        ('<a href="../index.html?q=1#top">', None),
        ('<a href="..">', None),
        ('<a href="#here"><p id="here">', None),
        ('<img src="../a%20b.png">', None),
        ('<img src="data:image/png;base64,AAAA">', None),
        ('<a href="https://example.org/">', None),
        ('<a href="mailto:a@example.org">', None),
        ('<a href="../missing.html">', "is not there"),
        ('<a href="../index.html#bottom">', "names no place"),
        ('<a href="#bottom">', "names no place"),
        ('<a href="../../outside.html">', "is not there"),
        ('<img src="gone.png">', "is not there"),
        ('<script src="https://example.org/x.js">', "from elsewhere"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "from elsewhere"),
        ('<img src="http://example.org/x.png">', "from elsewhere"),
        ("<p>```toml book.toml [tables]</p>", "fenced block"),
    ],
)
def test_a_reference_is_judged(site: Path, tag: str, problem: str | None) -> None:
    (site / "part" / "page.html").write_text(f"<body>{tag}</body>", encoding="utf-8")
    found = broken_links(site)
    assert len(found) == (problem is not None)
    assert problem is None or problem in found[0]
