"""Roles and databases are called what their servers call them: addresses, capitals, blanks, words of SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from migration.model import Mode, Phase
from tests.support.replacement import Replacement

NAMES = ["me@example.com", "Lo-D", "lo d", "user", 'quo"te', "läßt.1", "%d$1:x"]


@pytest.fixture(params=NAMES)
def shop(postgres_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Replacement]:
    """A database that bears the name of the role that owns it and migrates."""
    name = sql.Identifier(request.param)
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0 OWNER {}").format(name, name))
        try:
            escaped = quote(request.param, safe="")
            owner_url = postgres_url.replace("/postgres?", f"/{escaped}?", 1)
            replacement = Replacement(owner_url.replace("//postgres@", f"//{escaped}@"), owner_url, tmp_path)
            yield replacement
            replacement.close()
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            admin.execute(sql.SQL("DROP ROLE {}").format(name))


def test_role_of_any_name_migrates_replaces_compares_and_rolls_back(shop: Replacement) -> None:
    shop.begin()
    shop.execute(
        "CREATE VIEW v AS SELECT name FROM customer",
        "CREATE STATISTICS st ON customer_id, price FROM sale",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO PUBLIC",
    )
    before = shop.dump()
    run = shop.migrate()
    assert (run.error, run.phase) == (None, Phase.COMPLETED)
    assert shop.dump() == before
    compared = shop.migrate(mode=Mode.VALIDATE)
    assert compared.error is None
    shop.roll_back(run)
    assert shop.dump() == before


def test_what_a_role_grants_by_default_comes_with_new_tables_and_no_others_defaults(
    shop: Replacement,
) -> None:
    """One whose name folds to another's must not read that one's defaults."""
    own = shop.query("SELECT current_user")[0][0]
    with psycopg.connect(shop.owner_url, autocommit=True) as admin:
        twin = own.lower() if own != own.lower() else own.upper()
        if twin != own:
            admin.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(twin)))
        try:
            admin.execute("CREATE SCHEMA shop")
            for role, right in ((own, "SELECT"), (twin, "DELETE")):
                admin.execute(
                    sql.SQL(
                        "ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA shop GRANT {} ON TABLES TO PUBLIC"
                    ).format(sql.Identifier(role), sql.SQL(right))
                )
                if twin == own:
                    break
            admin.execute(sql.SQL("GRANT ALL ON SCHEMA shop TO {}").format(sql.Identifier(own)))
            shop.begin()
            rights = shop.query(
                "SELECT DISTINCT a.privilege_type FROM pg_class c, aclexplode(c.relacl) a"
                " WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind = 'r' AND a.grantee = 0"
            )
            assert rights == [("SELECT",)]
        finally:
            if twin != own:
                admin.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(twin)))
                admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(twin)))
