from __future__ import annotations

import pytest

from migration.errors import UsageError
from migration.ledger.store import target_identity
from migration.queue import announce_target, check_broker, check_target_is_announced
from migration.target.connect import make_engine


def test_command_with_another_target_than_the_cluster_is_told_so(valkey_url: str) -> None:
    check_broker(valkey_url)
    check_target_is_announced(valkey_url, "1/a", "postgresql://here/a")
    announce_target(valkey_url, "1/a", "postgresql://here/a")
    check_target_is_announced(valkey_url, "1/a", "postgresql://alias/a")
    with pytest.raises(UsageError, match="writes to postgresql://here/a, not to postgresql://here/b"):
        check_target_is_announced(valkey_url, "1/b", "postgresql://here/b")


def test_databases_of_one_server_have_different_identities(target_url: str, postgres_url: str) -> None:
    identities = set()
    for url in (target_url, postgres_url, target_url):
        engine = make_engine(url, "test")
        identities.add(target_identity(engine))
        engine.dispose()
    assert len(identities) == 2
