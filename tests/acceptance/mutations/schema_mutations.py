"""Every change of a schema that leaves all rows as they are. A table: to add a difference, add a line."""

from __future__ import annotations

from tests.acceptance.mutations.mutation import Mutation, Way

READER = "mutant_reader"
"""The role of the read-only way."""
STRANGER = "mutant_stranger"
"""A role that owns nothing before."""

ROWS = "INSERT INTO {t} VALUES (1, 5), (2, 6), (3, 7);"
PLAIN = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER); {ROWS}"
_TEXTS = "CREATE TABLE {t} (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO {t} VALUES (1, 'a'), (2, 'b');"
_PARENT = (
    "CREATE TABLE {t}__parent (id INTEGER PRIMARY KEY); INSERT INTO {t}__parent VALUES (5), (6), (7);"
    f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER REFERENCES {{t}}__parent (id) %s); {ROWS}"
)
CASCADE = _PARENT % "ON DELETE CASCADE"
UNIQUE = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER UNIQUE); {ROWS}"
INDEX = f"{PLAIN} CREATE INDEX {{t}}__i ON {{t}} (v);"
TEXT_INDEX = f"{_TEXTS} CREATE INDEX {{t}}__i ON {{t}} (v);"
_COUNTED = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER); {ROWS}"
VIEW = f"{PLAIN} CREATE VIEW {{t}}__view AS SELECT id, v FROM {{t}} WHERE v > 5;"


def _checked(check: str) -> str:
    return f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER CHECK ({check})); {ROWS}"


def _of_type(declared: str, *values: str) -> str:
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values, start=1))
    return f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO {{t}} VALUES {rows};"


def drop_constraint(kind: str) -> str:
    """Drop the one constraint of a kind (c, p, u, f), or the unique index, whatever its name is."""
    return (
        "DO $$ DECLARE n text; BEGIN"
        " SELECT conname INTO n FROM pg_constraint"
        f" WHERE conrelid = '{{t}}'::regclass AND contype = '{kind}';"
        " IF n IS NOT NULL THEN EXECUTE format('ALTER TABLE {t} DROP CONSTRAINT %I', n); RETURN; END IF;"
        " SELECT indexrelid::regclass INTO STRICT n FROM pg_index"
        f" WHERE indrelid = '{{t}}'::regclass AND indisunique AND NOT indisprimary AND '{kind}' = 'u';"
        " EXECUTE format('DROP INDEX %s', n); END $$;"
    )


def drop_index() -> str:
    return (
        "DO $$ DECLARE n text; BEGIN SELECT indexrelid::regclass INTO STRICT n FROM pg_index"
        " WHERE indrelid = '{t}'::regclass AND NOT indisunique; EXECUTE format('DROP INDEX %s', n); END $$;"
    )


def _mark_index(change: str) -> str:
    """What a failed CREATE INDEX CONCURRENTLY or a crash leaves behind."""
    return f"UPDATE pg_index SET {change} WHERE indrelid = '{{t}}'::regclass AND NOT indisprimary;"


_FOREIGN_KEY = (
    "ALTER TABLE {t} ADD CONSTRAINT {t}__key FOREIGN KEY (v) REFERENCES {t}__parent (id) ON DELETE CASCADE"
)
SEQUENCE = "pg_get_serial_sequence('{t}', 'id')"

SCHEMA_MUTATIONS = (
    Mutation(
        "NOT NULL",
        "missing",
        f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER NOT NULL); {ROWS}",
        "ALTER TABLE {t} ALTER v DROP NOT NULL",
        words=("v",),
    ),
    Mutation("NOT NULL", "come by", PLAIN, "ALTER TABLE {t} ALTER v SET NOT NULL", words=("v",)),
    Mutation("CHECK", "missing", _checked("v > 0"), drop_constraint("c")),
    Mutation(
        "CHECK",
        "another condition",
        _checked("v > 0"),
        drop_constraint("c") + "ALTER TABLE {t} ADD CONSTRAINT {t}__c CHECK (v > 1)",
    ),
    Mutation("CHECK", "come by", PLAIN, "ALTER TABLE {t} ADD CONSTRAINT {t}__c CHECK (v > 0)"),
    Mutation(
        "CHECK",
        "NOT VALID",
        _checked("v > 0"),
        drop_constraint("c") + "ALTER TABLE {t} ADD CONSTRAINT {t}__c CHECK (v > 0) NOT VALID",
    ),
    Mutation(
        "default",
        "missing",
        f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 7); {ROWS}",
        "ALTER TABLE {t} ALTER v DROP DEFAULT",
        words=("v",),
    ),
    Mutation(
        "default",
        "another value",
        f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 7); {ROWS}",
        "ALTER TABLE {t} ALTER v SET DEFAULT 8",
        words=("v",),
    ),
    Mutation("default", "come by", PLAIN, "ALTER TABLE {t} ALTER v SET DEFAULT 8", words=("v",)),
    Mutation("identity", "missing", PLAIN, "ALTER TABLE {t} ALTER id DROP IDENTITY", words=("id",)),
    Mutation(
        "generated column",
        "plain column",
        "CREATE TABLE {t} (id INTEGER PRIMARY KEY, v INTEGER, g INTEGER GENERATED ALWAYS AS (v * 2) STORED);"
        "INSERT INTO {t} (id, v) VALUES (1, 5), (2, 6);",
        "ALTER TABLE {t} ALTER g DROP EXPRESSION",
        words=("g",),
    ),
    Mutation(
        "generated column",
        "another expression",
        "CREATE TABLE {t} (id INTEGER PRIMARY KEY, v INTEGER, g INTEGER GENERATED ALWAYS AS (v * 2) STORED);"
        "INSERT INTO {t} (id, v) VALUES (1, 0);",
        "ALTER TABLE {t} DROP g, ADD g integer GENERATED ALWAYS AS (v * 3) STORED",
        words=("g",),
    ),
    Mutation("primary key", "missing", PLAIN, drop_constraint("p")),
    Mutation("primary key", "only unique", PLAIN, drop_constraint("p") + "ALTER TABLE {t} ADD UNIQUE (id)"),
    Mutation(
        "primary key",
        "one column more",
        PLAIN,
        drop_constraint("p") + "ALTER TABLE {t} ADD PRIMARY KEY (id, v)",
    ),
    Mutation("foreign key", "missing", CASCADE, drop_constraint("f")),
    Mutation("foreign key", "NOT VALID", CASCADE, drop_constraint("f") + f"{_FOREIGN_KEY} NOT VALID"),
    Mutation(
        "foreign key",
        "another action at DELETE",
        CASCADE,
        drop_constraint("f") + _FOREIGN_KEY.replace("CASCADE", "SET NULL"),
    ),
    Mutation(
        "foreign key",
        "another action at UPDATE",
        CASCADE,
        drop_constraint("f") + f"{_FOREIGN_KEY} ON UPDATE CASCADE",
    ),
    Mutation(
        "foreign key",
        "another parent",
        f"{CASCADE} CREATE TABLE {{t}}__p2 (id INTEGER PRIMARY KEY);"
        "INSERT INTO {t}__p2 SELECT id FROM {t}__parent;",
        drop_constraint("f") + _FOREIGN_KEY.replace("{t}__parent", "{t}__p2"),
    ),
    Mutation("unique", "missing", UNIQUE, drop_constraint("u")),
    Mutation("unique", "plain index", UNIQUE, drop_constraint("u") + "CREATE INDEX ON {t} (v)"),
    Mutation(
        "unique", "partial", UNIQUE, drop_constraint("u") + "CREATE UNIQUE INDEX ON {t} (v) WHERE v > 5"
    ),
    Mutation(
        "unique", "one column more", UNIQUE, drop_constraint("u") + "CREATE UNIQUE INDEX ON {t} (v, id)"
    ),
    Mutation("unique", "invalid", UNIQUE, _mark_index("indisvalid = false")),
    Mutation("unique", "come by", PLAIN, "ALTER TABLE {t} ADD CONSTRAINT {t}__u UNIQUE (v)"),
    Mutation("index", "missing", INDEX, drop_index()),
    Mutation("index", "invalid", INDEX, _mark_index("indisvalid = false")),
    Mutation("index", "partial", INDEX, drop_index() + "CREATE INDEX {t}__i ON {t} (v) WHERE v > 5"),
    Mutation(
        "index",
        "no longer partial",
        f"{PLAIN} CREATE INDEX {{t}}__i ON {{t}} (v) WHERE v > 5;",
        drop_index() + "CREATE INDEX {t}__i ON {t} (v)",
    ),
    Mutation(
        "index",
        "of an expression",
        TEXT_INDEX,
        drop_index() + "CREATE INDEX {t}__i ON {t} (lower(v))",
    ),
    Mutation(
        "index",
        "another order of columns",
        f"{PLAIN} CREATE INDEX {{t}}__i ON {{t}} (v, id);",
        drop_index() + "CREATE INDEX {t}__i ON {t} (id, v)",
    ),
    Mutation(
        "index",
        "another collation",
        TEXT_INDEX,
        drop_index() + "CREATE INDEX {t}__i ON {t} (v COLLATE mutant_order)",
    ),
    Mutation(
        "type", "wider integer", PLAIN, "ALTER TABLE {t} ALTER v TYPE bigint", words=("v",), is_advice=True
    ),
    Mutation("type", "narrower integer", PLAIN, "ALTER TABLE {t} ALTER v TYPE smallint", words=("v",)),
    Mutation(
        "type",
        "narrower double",
        _of_type("REAL", "1.5", "2.5"),
        "ALTER TABLE {t} ALTER v TYPE real",
        words=("v",),
    ),
    Mutation(
        "type",
        "fixed scale",
        _of_type("NUMERIC", "1.5", "2"),
        "ALTER TABLE {t} ALTER v TYPE numeric(10, 2)",
        words=("v",),
    ),
    Mutation("type", "bounded text", _TEXTS, "ALTER TABLE {t} ALTER v TYPE varchar(5)", words=("v",)),
    Mutation(
        "type",
        "unbounded text",
        _of_type("VARCHAR(9)", "'a'", "'b'"),
        "ALTER TABLE {t} ALTER v TYPE text",
        words=("v",),
        is_advice=True,
    ),
    Mutation(
        "type",
        "timestamp without zone",
        _of_type("TIMESTAMP", "'2024-07-01 12:00:00'"),
        "ALTER TABLE {t} ALTER v TYPE timestamp USING v AT TIME ZONE 'UTC'",
        words=("v",),
    ),
    Mutation(
        "type",
        "number as text",
        _of_type("INTEGER", "5", "6"),
        "ALTER TABLE {t} ALTER v TYPE text",
        words=("v",),
    ),
    Mutation(
        "type",
        "json for jsonb",
        _of_type("JSON", """'{"a": 1}'"""),
        "ALTER TABLE {t} ALTER v TYPE json",
        words=("v",),
        is_advice=True,
    ),
    Mutation("type", "domain", _TEXTS, "ALTER TABLE {t} ALTER v TYPE mutant_domain", words=("v",)),
    Mutation(
        "type", "collation", _TEXTS, "ALTER TABLE {t} ALTER v TYPE text COLLATE mutant_order", words=("v",)
    ),
    Mutation("sequence", "behind", PLAIN, f"SELECT setval({SEQUENCE}, 1)"),
    Mutation(
        "sequence",
        "behind the mark of AUTOINCREMENT",
        f"{_COUNTED} INSERT INTO {{t}} VALUES (50, 1); DELETE FROM {{t}} WHERE id = 50;",
        f"SELECT setval({SEQUENCE}, 3)",
    ),
    Mutation("table", "missing", PLAIN, "DROP TABLE {t}", touches_rows=True),
    Mutation(
        "table", "come by", PLAIN, "CREATE TABLE {t}__more (a integer)", words=("__more",), is_advice=True
    ),
    Mutation("column", "missing", PLAIN, "ALTER TABLE {t} DROP v", words=("v",), touches_rows=True),
    Mutation("column", "come by", PLAIN, "ALTER TABLE {t} ADD more text", words=("more",)),
    Mutation(
        "column",
        "come by and wanted in every row",
        PLAIN,
        "ALTER TABLE {t} ADD more text NOT NULL DEFAULT 'x'; ALTER TABLE {t} ALTER more DROP DEFAULT",
        words=("more",),
    ),
    Mutation("view", "missing", VIEW, "DROP VIEW {t}__view", words=("__view",)),
    Mutation(
        "view",
        "another query",
        VIEW,
        "CREATE OR REPLACE VIEW {t}__view AS SELECT id, v FROM {t} WHERE v > 6",
        words=("__view",),
    ),
    Mutation(
        "inheritance",
        "rows moved to a child",
        PLAIN,
        "CREATE TABLE {t}__child () INHERITS ({t}); WITH moved AS (DELETE FROM ONLY {t} WHERE id = 2 RETURNING *)"
        " INSERT INTO {t}__child SELECT * FROM moved",
        touches_rows=True,
    ),
    Mutation(
        "row level security",
        "hides a row",
        PLAIN,
        "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY {{t}}__policy ON {{t}} TO {READER} USING (id <> 2)",
        ways=frozenset({Way.READ_ONLY}),
        touches_rows=True,
    ),
    Mutation(
        "row level security",
        "hides no row today",
        PLAIN,
        f"ALTER TABLE {{t}} ENABLE ROW LEVEL SECURITY; CREATE POLICY {{t}}__policy ON {{t}} TO {READER} USING (true)",
        ways=frozenset({Way.READ_ONLY}),
    ),
    Mutation("rights", "given to PUBLIC", PLAIN, "GRANT SELECT, UPDATE ON {t} TO PUBLIC", words=("PUBLIC",)),
    Mutation(
        "rights",
        "another owner",
        PLAIN,
        f"ALTER TABLE {{t}} OWNER TO {STRANGER}; GRANT SELECT ON {{t}} TO {READER}",
        words=(STRANGER,),
    ),
)
SCHEMA_TYPES = (
    "CREATE FUNCTION mutant_swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    "CREATE DOMAIN mutant_domain AS text CHECK (VALUE <> 'c');"
    "CREATE COLLATION mutant_order (provider = libc, locale = 'C.UTF-8');"
)
