"""Leaf pages of tables that no table leads to any more, because a root, a page on the way or a definition is destroyed.

What is found is what `.recover` of SQLite's own shell puts into its table lost_and_found, but for pages that are
known to be free: what was deleted stays deleted. https://www.sqlite.org/recovery.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migration.source.integrity_check import HEADER_BYTES
from migration.source.salvage.btree_pages import children, tree_pages
from migration.source.salvage.header_repair import page_bytes
from migration.source.salvage.leaf_page_records import LEAF_TABLE, Pages, Value, leaf_rows

MOST_FIELDS: Final = 1_500
"""PostgreSQL's tables have at most 1,600 columns."""
_SHOWN_PAGES: Final = 10
_DEEPEST: Final = 20


@dataclass(frozen=True, slots=True)
class FreePages:
    """The pages on the list of free ones; `is_whole`: the list has as many as the header says."""

    pages: frozenset[int] = frozenset()
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class LostRow:
    """A row of a lost page, in the words of SQLite's shell: `rootpgno` is the topmost lost page above it."""

    rootpgno: int
    pgno: int
    rowid: int
    values: list[Value]


@dataclass(frozen=True, slots=True)
class OrphanedPages:
    """Lost leaf pages, ascending, each with the topmost lost page above it."""

    path: Path
    roots: dict[int, int]

    def __str__(self) -> str:
        """Return the first numbers in words."""
        numbers = list(self.roots)
        shown = ", ".join(map(str, numbers[:_SHOWN_PAGES])) + (", ..." if len(numbers) > _SHOWN_PAGES else "")
        return f"page{'s' * (len(numbers) > 1)} {shown}"

    def rows(self) -> Iterator[LostRow]:
        """Yield the rows that can be read, page by page."""
        with _opened(self.path) as pages:
            for number, root in self.roots.items():
                for rowid, values in leaf_rows(pages, number, MOST_FIELDS):
                    yield LostRow(root, number, rowid, values)


def read_free_pages(path: Path) -> FreePages:
    """Walk the list of free pages, as far as it leads.

    https://www.sqlite.org/fileformat2.html#the_freelist
    """
    found: set[int] = set()
    with _opened(path) as pages:
        header = pages.read(1)
        trunk, expected = int.from_bytes(header[32:36], "big"), int.from_bytes(header[36:40], "big")
        while trunk and trunk not in found and (page := pages.read(trunk)):
            found.add(trunk)
            most = (pages.page_bytes - 8) // 4
            leaves = min(int.from_bytes(page[4:8], "big"), most)
            found.update(int.from_bytes(page[8 + 4 * n : 12 + 4 * n], "big") for n in range(leaves))
            trunk = int.from_bytes(page[:4], "big")
    return FreePages(frozenset(found), trunk == 0 and len(found) == expected)


def find_orphaned_pages(path: Path, roots: Iterable[int], free: FreePages) -> OrphanedPages:
    """Return the leaf pages of tables that neither these roots nor the list of free pages lead to."""
    with _opened(path) as pages:
        known: set[int] = {1, *free.pages}
        for root in (1, *roots):
            known |= tree_pages(path, root, pages.page_bytes)
        leaves: list[int] = []
        parents: dict[int, int] = {}
        step = _pointer_map_step(pages)
        for number in range(2, pages.count + 1):
            if number in known or (step and (number - 2) % step == 0):
                continue
            page = pages.read(number)
            if page[0] == LEAF_TABLE:
                leaves.append(number)
            else:
                parents.update({child: number for child, _ in children(page)})
    return OrphanedPages(path, {leaf: _topmost(leaf, parents, known) for leaf in leaves})


def _pointer_map_step(pages: Pages) -> int:
    """Return after how many pages a pointer map follows, the first being page 2; 0: auto-vacuum is off.

    https://www.sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages
    """
    return pages.usable_bytes // 5 + 1 if any(pages.read(1)[52:56]) else 0


def _topmost(page: int, parents: dict[int, int], known: Collection[int]) -> int:
    for _ in range(_DEEPEST):
        above = parents.get(page)
        if above is None or above in known:
            break
        page = above
    return page


@contextmanager
def _opened(path: Path) -> Iterator[Pages]:
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
        size = page_bytes(header)
        yield Pages(file, size, size - header[20], path.stat().st_size // size)
