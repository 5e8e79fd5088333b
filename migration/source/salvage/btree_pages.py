"""Where the leaves of a table's b-tree end: read from its interior pages, past whatever is damaged.

SQLite itself stops at the first damaged page. The keys in the pages above say where the next leaf begins, so that a
reader can go on there. https://www.sqlite.org/fileformat2.html#b_tree_pages
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_INTERIOR_TABLE: Final = 0x05
_HEADER_BYTES: Final = 100  # of the file, before the b-tree of page 1
_PAGE_HEADER_BYTES: Final = 12
_DEEPEST: Final = 20  # SQLite's own limit
_VARINT_BYTES: Final = 9


def leaf_bounds(path: Path, root: int, page_bytes: int) -> list[int]:
    """Return, ascending, the largest rowid that each leaf but the last may hold; of a damaged subtree, none."""
    with path.open("rb") as file:
        return sorted(set(_bounds(file, root, page_bytes, 0, set())))


def tree_pages(path: Path, root: int, page_bytes: int) -> set[int]:
    """Return the pages of a table's b-tree, as far as its interior pages lead."""
    seen: set[int] = set()
    with path.open("rb") as file:
        for _ in _bounds(file, root, page_bytes, 0, seen):
            pass
    return seen


def children(page: bytes, start: int = 0) -> Iterator[tuple[int, int | None]]:
    """Yield the pages below an interior page, each with the largest rowid that may be there; of other pages, none.

    `start` is where the b-tree begins in the page. The last child has no largest rowid.
    """
    if len(page) <= start or page[start] != _INTERIOR_TABLE:
        return
    cells = int.from_bytes(page[start + 3 : start + 5], "big")
    pointers = start + _PAGE_HEADER_BYTES
    for cell in range(min(cells, (len(page) - pointers) // 2)):
        at = int.from_bytes(page[pointers + 2 * cell : pointers + 2 * cell + 2], "big")
        if pointers <= at <= len(page) - 5:
            yield int.from_bytes(page[at : at + 4], "big"), varint(page, at + 4)[0]
    yield int.from_bytes(page[start + 8 : start + 12], "big"), None


def _bounds(file: BinaryIO, number: int, page_bytes: int, depth: int, seen: set[int]) -> Iterator[int]:
    if number < 1 or number in seen or depth > _DEEPEST:
        return
    seen.add(number)
    file.seek((number - 1) * page_bytes)
    page = file.read(page_bytes)
    if len(page) < page_bytes:
        return
    for child, largest in children(page, _HEADER_BYTES if number == 1 else 0):
        yield from _bounds(file, child, page_bytes, depth + 1, seen)
        if largest is not None:
            yield largest


def varint(page: bytes, at: int) -> tuple[int, int]:
    """Return the signed 64-bit number at an offset (seven bits a byte, eight in the ninth), and where it ends."""
    value = 0
    end = at
    for place, byte in enumerate(page[at : at + _VARINT_BYTES]):
        end += 1
        if place == _VARINT_BYTES - 1:
            value = value << 8 | byte
            break
        value = value << 7 | byte & 0x7F
        if byte < 0x80:  # noqa: PLR2004 - the high bit says that more follow
            break
    return value - (1 << 64) if value >= 1 << 63 else value, end
