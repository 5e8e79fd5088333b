"""--if-exists replace: what pg_dump says of the database is the same before, after, and after a rollback.

Run by a role that is no superuser, as on a server of somebody else's.
"""

from __future__ import annotations

import re

import psycopg
import pytest
from sqlalchemy import event

from migration.attached_object_kinds import ATTACHED_KINDS, DROPPABLE_KINDS
from migration.exit_status import ExitStatus
from migration.ledger.run_requests import request_cutover
from migration.model import FindingKind, Mode, ObjectState, Phase
from migration.target.attached_objects.attachment_reader import read_attachments
from migration.target.pg_catalog.schema_relations import relations_in
from tests.support.replacement import Replacement

FUNCTION = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"

# Kind → what a DBA had typed. All of it fits what the source gives.
CARRIED = {
    "policy": ("ALTER TABLE customer ENABLE ROW LEVEL SECURITY", "ALTER TABLE customer FORCE ROW LEVEL SECURITY",
               "CREATE POLICY tenant ON customer FOR SELECT TO {other} USING (id < 5)",
               ("CREATE POLICY strict ON customer AS RESTRICTIVE TO PUBLIC USING (EXISTS (SELECT FROM sale"
               " WHERE customer_id = customer.id)) WITH CHECK (name <> '')"),
               "COMMENT ON POLICY strict ON customer IS 'why'"),
    "policy not enabled": ("CREATE POLICY p ON sale FOR DELETE USING (false)",),
    "trigger": (FUNCTION, ("CREATE TRIGGER a BEFORE UPDATE OF name ON customer FOR EACH ROW WHEN (OLD.* IS DISTINCT"
                " FROM NEW.*) EXECUTE FUNCTION f()"), ("CREATE TRIGGER b AFTER INSERT ON customer REFERENCING"
                " NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION f()"),
                "COMMENT ON TRIGGER a ON customer IS 'note'"),
    "trigger at rest": (FUNCTION, "CREATE TRIGGER a BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION f()",
                        "ALTER TABLE sale DISABLE TRIGGER a",
                        "CREATE TRIGGER b BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION f()",
                        "ALTER TABLE sale ENABLE ALWAYS TRIGGER b",
                        "CREATE TRIGGER c BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION f()",
                        "ALTER TABLE sale ENABLE REPLICA TRIGGER c"),
    "constraint trigger": (FUNCTION, ("CREATE CONSTRAINT TRIGGER k AFTER INSERT ON sale DEFERRABLE INITIALLY DEFERRED"
                           " FOR EACH ROW EXECUTE FUNCTION f()")),
    "rule": ("CREATE RULE keep AS ON DELETE TO customer WHERE OLD.id = 1 DO INSTEAD NOTHING",
             "COMMENT ON RULE keep ON customer IS 'the first'",
             "CREATE RULE off AS ON UPDATE TO sale DO ALSO SELECT 1", "ALTER TABLE sale DISABLE RULE off"),
    "grant": ("GRANT SELECT, UPDATE ON customer TO {other} WITH GRANT OPTION", "GRANT SELECT ON sale TO PUBLIC",
              "REVOKE DELETE ON customer FROM CURRENT_USER"),
    "column grant": ("GRANT SELECT (id, email), UPDATE (email) ON customer TO {other}",),
    "sequence grant": ("GRANT USAGE ON SEQUENCE customer_id_seq TO {other}",),
    "default privileges": ("ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC",
                           "ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO PUBLIC"),
    "default privileges beside column grants": (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT, UPDATE, INSERT, REFERENCES ON TABLES TO PUBLIC, {other}",
        "GRANT UPDATE (email), INSERT (name) ON customer TO PUBLIC", "GRANT SELECT (id) ON sale TO {other}"),
    "owner": ("GRANT CREATE ON SCHEMA shop TO {team}", "ALTER TABLE customer OWNER TO {team}",
              "GRANT SELECT ON customer TO CURRENT_USER"),
    "publication": ("CREATE PUBLICATION {other} FOR TABLE customer (id, name) WHERE (id > 3), sale",),
    "replica identity": ("ALTER TABLE customer REPLICA IDENTITY FULL", "ALTER TABLE sale REPLICA IDENTITY NOTHING"),
    "replica identity by index": ("CREATE UNIQUE INDEX by_name ON customer (name)",
                                  "ALTER TABLE customer REPLICA IDENTITY USING INDEX by_name"),
    "storage parameter": (("ALTER TABLE customer SET (fillfactor = 70, autovacuum_enabled = false,"
                          " toast.autovacuum_vacuum_threshold = 9)"),),
    "statistics target": ("ALTER TABLE customer ALTER email SET STATISTICS 500",
                          "ALTER TABLE customer ALTER email SET (n_distinct = -0.5)",
                          "ALTER TABLE customer ALTER email SET STORAGE EXTERNAL",
                          "ALTER TABLE customer ALTER name SET COMPRESSION pglz"),
    "extended statistics": ("CREATE STATISTICS st (ndistinct) ON name, email FROM customer",
                            "CREATE STATISTICS ex ON (lower(name)), id FROM customer",
                            "COMMENT ON STATISTICS st IS 'x'",
                            "ALTER STATISTICS st SET STATISTICS 77"),
    "comment": ("COMMENT ON TABLE customer IS 'it''s ours'", "COMMENT ON COLUMN customer.email IS 'a % :b'",
                "COMMENT ON CONSTRAINT customer_pkey ON customer IS 'key'", "COMMENT ON INDEX sale_customer IS 'i'",
                "COMMENT ON SEQUENCE sale_id_seq IS 's'"),
    "cluster": ("ALTER TABLE sale CLUSTER ON sale_customer",),
    "unlogged": ("ALTER TABLE sale SET UNLOGGED",),
    "index": (("CREATE INDEX part ON customer (lower(email) DESC, name) INCLUDE (up) WITH (fillfactor = 50)"
              " WHERE email IS NOT NULL"), "ALTER INDEX part ALTER COLUMN 1 SET STATISTICS 33",
              "COMMENT ON INDEX part IS 'p'"),
    "check": ("ALTER TABLE customer ADD CONSTRAINT named CHECK (name <> '')",
              "ALTER TABLE sale ADD CONSTRAINT later CHECK (price > 100) NOT VALID",
              "COMMENT ON CONSTRAINT named ON customer IS 'c'"),
    "unique": ("ALTER TABLE customer ADD CONSTRAINT once UNIQUE (email) DEFERRABLE INITIALLY DEFERRED",),
    "exclusion": ("ALTER TABLE sale ADD CONSTRAINT ex EXCLUDE USING btree (price WITH =)",),
    "foreign key to itself": (("ALTER TABLE customer ADD CONSTRAINT up_fkey FOREIGN KEY (up) REFERENCES customer"
                              " ON DELETE SET NULL"),),
    "foreign key to others": ("CREATE TABLE place (id integer PRIMARY KEY)", "INSERT INTO place VALUES (1), (2)",
                              "ALTER TABLE customer ADD FOREIGN KEY (id) REFERENCES place"),
    "key of another name": ("ALTER TABLE customer RENAME CONSTRAINT customer_pkey TO pk_customer",
                            "ALTER TABLE sale RENAME CONSTRAINT sale_customer_id_fkey TO of_customer"),
    "default": ("ALTER TABLE customer ALTER email SET DEFAULT 'none'",),
    "not null": ("ALTER TABLE customer ALTER email SET NOT NULL",),
    "identity": ("ALTER TABLE customer ALTER id SET GENERATED ALWAYS",),
    "sequence": ("ALTER SEQUENCE customer_id_seq INCREMENT 10 CACHE 5 CYCLE",
                 "ALTER SEQUENCE sale_id_seq RENAME TO odd"),
    "view": ("CREATE VIEW names AS SELECT id, upper(name) AS shout FROM customer",
             "CREATE VIEW guarded WITH (security_barrier, check_option = local) AS SELECT * FROM customer WHERE id < 9",
             "GRANT SELECT ON names TO {other}", "COMMENT ON VIEW names IS 'v'",
             "CREATE VIEW over_names AS SELECT shout FROM names JOIN sale ON sale.customer_id = names.id"),
    "incoming foreign key": ("CREATE TABLE note (customer integer REFERENCES customer ON DELETE CASCADE)",
                             "INSERT INTO note VALUES (1)", "COMMENT ON CONSTRAINT note_customer_fkey ON note IS 'n'"),
}  # fmt: skip


# What cannot fit → what was typed, the kinds that have to be signed for, and words of the refusal.
REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...], str]] = {
    "column": (("ALTER TABLE customer ADD extra text DEFAULT 'x'", "COMMENT ON COLUMN customer.extra IS 'c'",
                "GRANT SELECT (extra) ON customer TO {other}"), ("column",), "column extra of customer"),
    "policy": (("ALTER TABLE customer ADD tenant text", "CREATE POLICY own ON customer USING (tenant = session_user)",
                "ALTER TABLE customer ENABLE ROW LEVEL SECURITY"), ("column", "policy"), "policy own of customer"),
    "trigger": ((FUNCTION, "ALTER TABLE customer ADD at date", ("CREATE TRIGGER t BEFORE UPDATE OF at ON customer"
                 " FOR EACH ROW EXECUTE FUNCTION f()")), ("column", "trigger"), "trigger t of customer"),
    "index": (("ALTER TABLE customer ADD tenant text", "CREATE INDEX it ON customer (tenant, id)",
               "COMMENT ON INDEX it IS 'c'"), ("column", "index"), "index it of customer"),
    "generated column": (("ALTER TABLE sale ADD twice numeric GENERATED ALWAYS AS (price * 2) STORED",),
                         ("column",), "column twice of sale"),
    "inheritance": (("CREATE TABLE thing (id integer NOT NULL)", "ALTER TABLE customer INHERIT thing"),
                    ("inheritance",), "inheritance .*thing of customer"),
    "child": (("CREATE TABLE vip (level int) INHERITS (customer)",), ("child_table",), "child table"),
    "materialized view": (("CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(price) FROM sale GROUP BY 1",
                           "CREATE INDEX on_totals ON totals (customer_id)",
                           "CREATE VIEW over AS SELECT * FROM totals"),
                          ("materialized_view", "view"), "materialized view totals"),
    "view of a lost column": (("ALTER TABLE customer ADD extra text", "CREATE VIEW v AS SELECT extra FROM customer"),
                              ("column", "view"), "view v"),
    "incoming foreign key": (("ALTER TABLE sale ADD code text UNIQUE",
                              "CREATE TABLE note (code text REFERENCES sale (code))"),
                             ("column", "incoming_foreign_key", "unique"), "incoming foreign key note_code_fkey"),
    "function": ((("CREATE FUNCTION people() RETURNS bigint LANGUAGE SQL"
                  " BEGIN ATOMIC SELECT count(*) FROM customer; END"),),
                 ("function",), "function people"),
    "collation": (('ALTER TABLE customer ALTER name TYPE text COLLATE "C"',), ("collation",), "collation name"),
    "numbers of a shared sequence": (("CREATE SEQUENCE shared", "ALTER TABLE customer ALTER id DROP IDENTITY",
                                      "ALTER TABLE customer ALTER id SET DEFAULT nextval('shared')"),
                                     ("default",), "default id of customer"),
}  # fmt: skip


def typed(statements: tuple[str, ...], roles: tuple[str, str, str]) -> list[str]:
    mover, team, other = roles
    return [
        s.replace("{other}", other).replace("{team}", team).replace("CURRENT_USER", mover) for s in statements
    ]


@pytest.mark.parametrize("kind", CARRIED)
def test_carried_over_and_given_back(shop: Replacement, roles: tuple[str, str, str], kind: str) -> None:
    shop.execute(*typed(CARRIED[kind], roles))
    before = shop.dump()
    run = shop.migrate()
    assert run.error is None, run.error
    assert run.phase is Phase.COMPLETED
    assert shop.dump() == before
    assert shop.query("SELECT count(*) FROM shop.sale")[0] == (3,)
    shop.roll_back(run)
    assert shop.dump() == before
    assert shop.query("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'convoy\\_%'") == [(0,)]


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_by_name_then_left_behind_and_given_back(
    shop: Replacement, roles: tuple[str, str, str], kind: str
) -> None:
    statements, signed, words = REFUSED[kind]
    shop.execute(*typed(statements, roles))
    before, rows = shop.dump(), shop.dump("data")
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        refused = shop.migrate(mode=mode)
        error = shop.report(refused).error_details
        assert error is not None
        assert (error.code, error.exit_status) == ("target-objects-in-the-way", 2)
        assert re.search(words, error.message), error.message
        flag = f"--drop-dependents {','.join(signed)}"
        assert any(flag in step.command for step in error.next_steps), (flag, error.next_steps)
        assert shop.dump() == before
    foretold = {(f.kind, f.message) for f in shop.report(shop.migrate(*signed, mode=Mode.DRY_RUN)).findings}
    run = shop.migrate(*signed)
    assert (run.error, run.phase) == (None, Phase.COMPLETED_WITH_FINDINGS)
    findings = {(f.kind, f.message) for f in shop.report(run).findings}
    assert findings == foretold
    assert {kind for kind, _ in findings} == {FindingKind.DROPPED_OBJECT}, findings
    shop.roll_back(run)
    assert shop.dump() == before
    assert shop.dump("data") == rows


def test_index_whose_name_the_run_needs_elsewhere_gets_a_number_and_keeps_its_comment(
    shop: Replacement,
) -> None:
    shop.execute("ALTER INDEX sale_customer RENAME TO other", "CREATE INDEX sale_customer ON customer (up)",
                 "COMMENT ON INDEX sale_customer IS 'mine'",
                 "ALTER TABLE customer CLUSTER ON sale_customer")  # fmt: skip
    before = shop.dump()
    run = shop.migrate()
    assert run.phase is Phase.COMPLETED, run.error
    names = shop.query(
        "SELECT indexrelid::regclass::text, indisclustered, obj_description(indexrelid) FROM pg_index"
        " WHERE indrelid = 'shop.customer'::regclass AND NOT indisprimary"
    )
    assert names == [("shop.sale_customer_1", True, "mine")]
    shop.roll_back(run)
    assert shop.dump() == before


def test_one_kind_signed_for_is_not_all(shop: Replacement) -> None:
    shop.execute("ALTER TABLE customer ADD extra text", "CREATE VIEW v AS SELECT extra FROM customer")
    run = shop.migrate("column")
    assert "view v" in (run.error or "")
    assert "column extra" not in (run.error or "").split("Make them fit")[0]


def test_report_lists_what_was_carried(shop: Replacement) -> None:
    shop.execute("CREATE INDEX i ON customer (up)", "CREATE VIEW v AS SELECT up FROM customer")
    lines = {(o.kind, o.name): o for o in shop.report(shop.migrate()).objects}
    assert lines["index", "i"].state is ObjectState.CHANGED
    assert "carried over" in lines["index", "i"].reason
    assert "goes on" in lines["view", "v"].reason


def test_rows_that_a_constraint_of_others_refuses_stop_the_cutover(shop: Replacement) -> None:
    shop.execute(
        "DELETE FROM sale WHERE price > 8", "ALTER TABLE sale ADD CONSTRAINT cheap CHECK (price < 8)"
    )
    before = shop.dump()
    run = shop.migrate()
    assert run.phase is Phase.FAILED
    assert "check cheap of sale" in (run.error or "")
    assert shop.dump() == before
    assert shop.migrate("check").phase is Phase.COMPLETED_WITH_FINDINGS


def test_policies_hold_at_once(shop: Replacement, roles: tuple[str, str, str]) -> None:
    shop.execute(*typed(CARRIED["policy"], roles), f"GRANT USAGE ON SCHEMA shop TO {roles[2]}")
    shop.execute(f"GRANT SELECT ON customer, sale TO {roles[2]}", "DROP POLICY strict ON customer")
    shop.execute("ALTER POLICY tenant ON customer USING (id < 2)")
    assert shop.migrate().phase is Phase.COMPLETED
    shop.execute(f"GRANT {roles[2]} TO CURRENT_USER", owner=True)
    with psycopg.connect(shop.owner_url) as connection:
        connection.execute(f"SET ROLE {roles[2]}".encode())
        assert connection.execute("SELECT count(*) FROM shop.customer").fetchone() == (1,)


def test_object_of_another_role_is_refused_by_name(shop: Replacement, roles: tuple[str, str, str]) -> None:
    shop.execute(f"CREATE PUBLICATION {roles[2]}_p FOR TABLE shop.customer", owner=True)
    shop.execute("CREATE VIEW shop.theirs AS SELECT * FROM shop.sale", owner=True)
    error = shop.migrate().error or ""
    assert f"publication {roles[2]}_p of customer: must be owner" in error
    assert "view theirs: it belongs to another role" in error


@pytest.mark.parametrize("by_key", [False, True])
def test_object_of_another_role_that_is_signed_for_is_refused_before_anything_is_copied(
    shop: Replacement, by_key: bool
) -> None:
    if by_key:
        shop.execute(
            "CREATE TABLE shop.theirs (sale bigint REFERENCES shop.sale (id) MATCH FULL)", owner=True
        )
    else:
        shop.execute("CREATE VIEW shop.theirs AS SELECT * FROM shop.sale", owner=True)
    before = shop.dump()
    run = shop.migrate("view", "incoming_foreign_key")
    assert run.phase is Phase.FAILED
    assert "may not take out of the way" in (run.error or "")
    assert "theirs" in (run.error or "")
    assert "Run: GRANT " in (run.error or "")
    assert run.resume_phase is Phase.PROFILING
    assert shop.dump() == before


LATE_OBJECTS = {
    "view": "CREATE VIEW shop.theirs AS SELECT * FROM shop.sale",
    "materialized view": "CREATE MATERIALIZED VIEW shop.theirs AS SELECT * FROM shop.sale",
    "foreign key": "CREATE TABLE shop.theirs (sale bigint CONSTRAINT to_sale REFERENCES shop.sale (id))",
    "statistics": "CREATE STATISTICS shop.theirs ON customer_id, price FROM shop.sale",
    "child": "CREATE TABLE shop.theirs () INHERITS (shop.sale)",
    "function": (
        "CREATE FUNCTION shop.theirs() RETURNS bigint LANGUAGE SQL"
        " BEGIN ATOMIC SELECT count(*) FROM shop.sale; END"
    ),
    "publication": "CREATE PUBLICATION {other}_theirs FOR TABLE shop.sale",
}


@pytest.mark.parametrize(
    ("kind", "signed"),
    [*((kind, ()) for kind in LATE_OBJECTS), ("view", DROPPABLE_KINDS), ("foreign key", DROPPABLE_KINDS)],
)
def test_object_of_another_role_made_during_a_hold_is_refused_as_before_a_run(
    shop: Replacement, roles: tuple[str, str, str], kind: str, signed: tuple[str, ...]
) -> None:
    held = shop.migrate(*signed, hold=True)
    assert held.phase is Phase.READY, held.error
    shop.execute(LATE_OBJECTS[kind].replace("{other}", roles[2]), owner=True)
    before = shop.dump()
    request_cutover(shop.direct.ledger, held.id)
    late = shop.direct.finish(held.id)
    foretold = shop.migrate(*signed, mode=Mode.DRY_RUN)
    assert late.phase is foretold.phase is Phase.FAILED
    told, early = shop.report(late).error_details, shop.report(foretold).error_details
    assert told is not None
    assert early is not None
    assert (told.code, told.message) == (early.code, early.message)
    assert "theirs" in told.message or "to_sale" in told.message
    assert (told.exit_status, early.exit_status) == (ExitStatus.FAILED, ExitStatus.UNUSABLE_INPUT)
    commands = [step.command for step in shop.report(late).next_steps]
    assert any(command.startswith(f"migration-cli cutover {held.id}") for command in commands), commands
    assert shop.dump() == before


def test_key_to_a_table_that_the_role_may_only_refer_to_goes_over(
    shop: Replacement, roles: tuple[str, str, str]
) -> None:
    shop.execute("CREATE TABLE shop.region (id bigint PRIMARY KEY)", "INSERT INTO shop.region VALUES (1), (2)",
                 f"GRANT REFERENCES, SELECT ON shop.region TO {roles[0]}", owner=True)  # fmt: skip
    shop.execute("ALTER TABLE sale ADD CONSTRAINT to_region FOREIGN KEY (customer_id) REFERENCES region")
    before = shop.dump()
    run = shop.migrate()
    assert (run.error, run.phase) == (None, Phase.COMPLETED)
    assert shop.dump() == before
    shop.roll_back(run)
    assert shop.dump() == before


def test_view_changed_since_is_not_overwritten_by_a_rollback(shop: Replacement) -> None:
    shop.execute("CREATE VIEW v AS SELECT id FROM customer")
    run = shop.migrate()
    shop.execute("CREATE OR REPLACE VIEW v AS SELECT id FROM customer WHERE id > 1")
    before = shop.dump()
    with pytest.raises(Exception, match="view v cannot be given back: has been changed since"):
        shop.roll_back(run)
    assert shop.dump() == before


def test_every_kind_has_a_reader() -> None:
    from migration.target.attached_objects.attachment_queries import QUERIES

    # An UNION names them where it begins a branch; a CASE chooses among several; rights come of one function.
    said = {query: [kind for kind in ATTACHED_KINDS if f"'{kind}'" in query] for query in QUERIES}
    assert [kind for kind in ATTACHED_KINDS if kind not in set().union(*QUERIES.values())] == []
    assert [
        kinds - set(said[query]) for query, kinds in QUERIES.items() if not kinds <= set(said[query])
    ] == []
    assert len(set(DROPPABLE_KINDS)) == len(DROPPABLE_KINDS)


@pytest.mark.parametrize("kind", ["policy", "trigger", "column grant", "sequence", "publication", "comment"])
def test_tables_that_are_read_together_have_what_each_has_alone(
    shop: Replacement, roles: tuple[str, str, str], kind: str
) -> None:
    shop.execute(*typed(CARRIED[kind], roles))
    with shop.direct.ledger.connect() as connection:
        tables = {one.name: one.oid for one in relations_in(connection, "shop", ("table",))}
        together = read_attachments(connection, [*tables.values()], "shop")
        alone = {oid: read_attachments(connection, [oid], "shop")[oid] for oid in tables.values()}
    assert together == alone
    assert together[tables["customer"]] != together[tables["sale"]]


def test_more_tables_are_asked_for_in_no_more_questions(shop: Replacement) -> None:
    shop.execute(*(f"CREATE TABLE more{number} (id integer PRIMARY KEY)" for number in range(20)))
    asked: list[int] = []
    with shop.direct.ledger.connect() as connection:
        oids = [one.oid for one in relations_in(connection, "shop", ("table",))]
        for some in (oids[:1], oids):
            asked.append(0)

            def count(*_: object) -> None:
                asked[-1] += 1

            event.listen(connection, "before_cursor_execute", count)
            read_attachments(connection, some, "shop")
            event.remove(connection, "before_cursor_execute", count)
    assert asked[0] == asked[1] > 0
