from __future__ import annotations

import tempfile
import tracemalloc

import pytest

from migration.full_disk_errors import TemporaryDiskFullError
from migration.model import Rejection, StorageClass
from migration.steps.rejection_spool import GROUP_VALUES, RejectionSpool
from tests.support.full_disk import small_disk


def rejection(number: int, size: int) -> Rejection:
    return Rejection((number, "k", None, 1.5), "c", StorageClass.BLOB, bytes(size), "too bad")


def test_rejections_come_back_as_they_went_in() -> None:
    sent = [rejection(number, number % 7) for number in range(2 * GROUP_VALUES + 3)]
    with RejectionSpool() as spool:
        spool.add(sent[:10])
        spool.add(sent[10:])
        groups = list(spool.groups())
    assert [one for group in groups for one in group] == sent
    assert [len(group) for group in groups] == [GROUP_VALUES, GROUP_VALUES, 3]
    assert spool.values == len(sent)


def test_nothing_rejected_gives_no_group() -> None:
    with RejectionSpool() as spool:
        assert list(spool.groups()) == []


def test_large_values_come_in_small_groups() -> None:
    with RejectionSpool() as spool:
        for number in range(6):
            spool.add([rejection(number, 3 << 20)])
        assert [len(group) for group in spool.groups()] == [2, 2, 2]


def test_memory_does_not_grow_with_the_rejections() -> None:
    tracemalloc.start()
    try:
        with RejectionSpool() as spool:
            for number in range(100):
                spool.add([rejection(number, 1 << 20)])
            for group in spool.groups():
                assert group
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_full_disk_is_told_by_its_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [rejection(number, 1 << 20) for number in range(20)]
    with small_disk(12) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
        with RejectionSpool() as spool:
            with pytest.raises(TemporaryDiskFullError) as caught:
                spool.add(values)
            assert caught.value.place["file"] == str(disk.path)
