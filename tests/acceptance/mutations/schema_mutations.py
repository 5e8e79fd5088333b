"""Every change of a schema that leaves all rows as they are. A table: to add a difference, add a line."""

from __future__ import annotations

from tests.acceptance.mutations.mutation import Mutation, Way

READER = "mutant_reader"
"""The role of the read-only way."""
STRANGER = "mutant_stranger"
"""A role that owns nothing before."""

_ROWS = "INSERT INTO {t} VALUES (1, 5), (2, 6), (3, 7);"
_PLAIN = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER); {_ROWS}"
_TEXTS = "CREATE TABLE {t} (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO {t} VALUES (1, 'a'), (2, 'b');"
_PARENT = (
    "CREATE TABLE {t}__parent (id INTEGER PRIMARY KEY); INSERT INTO {t}__parent VALUES (5), (6), (7);"
    f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER REFERENCES {{t}}__parent (id) %s); {_ROWS}"
)
_CASCADE = _PARENT % "ON DELETE CASCADE"
_UNIQUE = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER UNIQUE); {_ROWS}"
_INDEX = f"{_PLAIN} CREATE INDEX {{t}}__i ON {{t}} (v);"
_TEXT_INDEX = f"{_TEXTS} CREATE INDEX {{t}}__i ON {{t}} (v);"
_COUNTED = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY AUTOINCREMENT, v INTEGER); {_ROWS}"
_VIEW = f"{_PLAIN} CREATE VIEW {{t}}__view AS SELECT id, v FROM {{t}} WHERE v > 5;"


def _checked(check: str) -> str:
    return f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER CHECK ({check})); {_ROWS}"


def _of_type(declared: str, *values: str) -> str:
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values, start=1))
    return f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v {declared}); INSERT INTO {{t}} VALUES {rows};"


def _drop_constraint(kind: str) -> str:
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


def _drop_index() -> str:
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
_SEQUENCE = "pg_get_serial_sequence('{t}', 'id')"

_OF_SEQUENCE = "DO $$ BEGIN EXECUTE format('ALTER SEQUENCE %s"
_DEFAULT = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 7); {_ROWS}"
_SWALLOWS = "BEFORE INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION mutant_swallow()"
_SWALLOWS_1 = _SWALLOWS.replace("{t}", "{t}__1")
_TWO_COLUMNS = (
    "CREATE TABLE {t}__parent (a INTEGER, b INTEGER, PRIMARY KEY (a, b)); INSERT INTO {t}__parent VALUES (5, 6);"
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, v INTEGER, w INTEGER, FOREIGN KEY (v, w) REFERENCES {t}__parent (a, b)"
    " ON DELETE SET NULL); INSERT INTO {t} VALUES (1, 5, 6);"
)
_TWO_COLUMN_KEY = "ALTER TABLE {t} ADD FOREIGN KEY (v, w) REFERENCES {t}__parent (a, b)"


def _split(*partitions: str) -> str:
    """Make a partitioned table of a table, with its rows; each partition is a name and its bounds."""
    parts = "".join(f"CREATE TABLE {{t}}__{one};" for one in partitions)
    return (
        "ALTER TABLE {t} RENAME TO {t}__old; CREATE SEQUENCE {t}__s AS integer START 4;"
        "CREATE TABLE {t} (id integer PRIMARY KEY DEFAULT nextval('{t}__s'), v integer) PARTITION BY RANGE (id);"
        f"ALTER SEQUENCE {{t}}__s OWNED BY {{t}}.id; {parts} INSERT INTO {{t}} SELECT * FROM {{t}}__old;"
        "DROP TABLE {t}__old; "
        f"GRANT SELECT ON {{t}} TO {READER}; GRANT SELECT ON SEQUENCE {{t}}__s TO {READER};"
    )


_SPLIT = _split("1 PARTITION OF {t} DEFAULT")
_SPLIT_SHORT = _split("1 PARTITION OF {t} FOR VALUES FROM (1) TO (4)")
_SPLIT_LONG = _split("1 PARTITION OF {t} FOR VALUES FROM (1) TO (1000000)")

SCHEMA_MUTATIONS = (
    Mutation(
        "NOT NULL",
        "missing",
        f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER NOT NULL); {_ROWS}",
        "ALTER TABLE {t} ALTER v DROP NOT NULL",
        words=("v",),
    ),
    Mutation("NOT NULL", "come by", _PLAIN, "ALTER TABLE {t} ALTER v SET NOT NULL", words=("v",)),
    Mutation("CHECK", "missing", _checked("v > 0"), _drop_constraint("c")),
    Mutation(
        "CHECK",
        "another condition",
        _checked("v > 0"),
        _drop_constraint("c") + "ALTER TABLE {t} ADD CONSTRAINT {t}__c CHECK (v > 1)",
    ),
    Mutation("CHECK", "come by", _PLAIN, "ALTER TABLE {t} ADD CONSTRAINT {t}__c CHECK (v > 0)"),
    Mutation(
        "CHECK",
        "NOT VALID",
        _checked("v > 0"),
        _drop_constraint("c") + "ALTER TABLE {t} ADD CONSTRAINT {t}__c CHECK (v > 0) NOT VALID",
    ),
    Mutation(
        "default",
        "missing",
        f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 7); {_ROWS}",
        "ALTER TABLE {t} ALTER v DROP DEFAULT",
        words=("v",),
    ),
    Mutation(
        "default",
        "another value",
        f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 7); {_ROWS}",
        "ALTER TABLE {t} ALTER v SET DEFAULT 8",
        words=("v",),
    ),
    Mutation("default", "come by", _PLAIN, "ALTER TABLE {t} ALTER v SET DEFAULT 8", words=("v",)),
    Mutation("identity", "missing", _PLAIN, "ALTER TABLE {t} ALTER id DROP IDENTITY", words=("id",)),
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
    Mutation("primary key", "missing", _PLAIN, _drop_constraint("p")),
    Mutation("primary key", "only unique", _PLAIN, _drop_constraint("p") + "ALTER TABLE {t} ADD UNIQUE (id)"),
    Mutation(
        "primary key",
        "one column more",
        _PLAIN,
        _drop_constraint("p") + "ALTER TABLE {t} ADD PRIMARY KEY (id, v)",
    ),
    Mutation("foreign key", "missing", _CASCADE, _drop_constraint("f")),
    Mutation("foreign key", "NOT VALID", _CASCADE, _drop_constraint("f") + f"{_FOREIGN_KEY} NOT VALID"),
    Mutation(
        "foreign key",
        "another action at DELETE",
        _CASCADE,
        _drop_constraint("f") + _FOREIGN_KEY.replace("CASCADE", "SET NULL"),
    ),
    Mutation(
        "foreign key",
        "another action at UPDATE",
        _CASCADE,
        _drop_constraint("f") + f"{_FOREIGN_KEY} ON UPDATE CASCADE",
    ),
    Mutation(
        "foreign key",
        "another parent",
        f"{_CASCADE} CREATE TABLE {{t}}__p2 (id INTEGER PRIMARY KEY);"
        "INSERT INTO {t}__p2 SELECT id FROM {t}__parent;",
        _drop_constraint("f") + _FOREIGN_KEY.replace("{t}__parent", "{t}__p2"),
    ),
    Mutation("unique", "missing", _UNIQUE, _drop_constraint("u")),
    Mutation("unique", "plain index", _UNIQUE, _drop_constraint("u") + "CREATE INDEX ON {t} (v)"),
    Mutation(
        "unique", "partial", _UNIQUE, _drop_constraint("u") + "CREATE UNIQUE INDEX ON {t} (v) WHERE v > 5"
    ),
    Mutation(
        "unique", "one column more", _UNIQUE, _drop_constraint("u") + "CREATE UNIQUE INDEX ON {t} (v, id)"
    ),
    Mutation("unique", "invalid", _UNIQUE, _mark_index("indisvalid = false")),
    Mutation("unique", "come by", _PLAIN, "ALTER TABLE {t} ADD CONSTRAINT {t}__u UNIQUE (v)"),
    Mutation("index", "missing", _INDEX, _drop_index()),
    Mutation("index", "invalid", _INDEX, _mark_index("indisvalid = false")),
    Mutation("index", "partial", _INDEX, _drop_index() + "CREATE INDEX {t}__i ON {t} (v) WHERE v > 5"),
    Mutation(
        "index",
        "no longer partial",
        f"{_PLAIN} CREATE INDEX {{t}}__i ON {{t}} (v) WHERE v > 5;",
        _drop_index() + "CREATE INDEX {t}__i ON {t} (v)",
    ),
    Mutation(
        "index",
        "of an expression",
        _TEXT_INDEX,
        _drop_index() + "CREATE INDEX {t}__i ON {t} (lower(v))",
    ),
    Mutation(
        "index",
        "another order of columns",
        f"{_PLAIN} CREATE INDEX {{t}}__i ON {{t}} (v, id);",
        _drop_index() + "CREATE INDEX {t}__i ON {t} (id, v)",
    ),
    Mutation(
        "index",
        "another collation",
        _TEXT_INDEX,
        _drop_index() + "CREATE INDEX {t}__i ON {t} (v COLLATE mutant_order)",
    ),
    Mutation(
        "type", "wider integer", _PLAIN, "ALTER TABLE {t} ALTER v TYPE bigint", words=("v",), is_advice=True
    ),
    Mutation("type", "narrower integer", _PLAIN, "ALTER TABLE {t} ALTER v TYPE smallint", words=("v",)),
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
    Mutation("sequence", "behind", _PLAIN, f"SELECT setval({_SEQUENCE}, 1)"),
    Mutation(
        "sequence",
        "behind the mark of AUTOINCREMENT",
        f"{_COUNTED} INSERT INTO {{t}} VALUES (50, 1); DELETE FROM {{t}} WHERE id = 50;",
        f"SELECT setval({_SEQUENCE}, 3)",
    ),
    Mutation("table", "missing", _PLAIN, "DROP TABLE {t}", touches_rows=True),
    Mutation(
        "table", "come by", _PLAIN, "CREATE TABLE {t}__more (a integer)", words=("__more",), is_advice=True
    ),
    Mutation("column", "missing", _PLAIN, "ALTER TABLE {t} DROP v", words=("v",), touches_rows=True),
    Mutation("column", "come by", _PLAIN, "ALTER TABLE {t} ADD more text", words=("more",)),
    Mutation(
        "column",
        "come by and wanted in every row",
        _PLAIN,
        "ALTER TABLE {t} ADD more text NOT NULL DEFAULT 'x'; ALTER TABLE {t} ALTER more DROP DEFAULT",
        words=("more",),
    ),
    Mutation("view", "missing", _VIEW, "DROP VIEW {t}__view", words=("__view",)),
    Mutation(
        "view",
        "another query",
        _VIEW,
        "CREATE OR REPLACE VIEW {t}__view AS SELECT id, v FROM {t} WHERE v > 6",
        words=("__view",),
    ),
    Mutation(
        "inheritance",
        "rows moved to a child",
        _PLAIN,
        "CREATE TABLE {t}__child () INHERITS ({t}); WITH moved AS (DELETE FROM ONLY {t} WHERE id = 2 RETURNING *)"
        " INSERT INTO {t}__child SELECT * FROM moved",
        touches_rows=True,
    ),
    Mutation(
        "row level security",
        "hides a row",
        _PLAIN,
        "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY;"
        f"CREATE POLICY {{t}}__policy ON {{t}} TO {READER} USING (id <> 2)",
        ways=frozenset({Way.READ_ONLY}),
        touches_rows=True,
    ),
    Mutation(
        "row level security",
        "hides no row today",
        _PLAIN,
        f"ALTER TABLE {{t}} ENABLE ROW LEVEL SECURITY; CREATE POLICY {{t}}__policy ON {{t}} TO {READER} USING (true)",
        ways=frozenset({Way.READ_ONLY}),
    ),
    Mutation("rights", "given to PUBLIC", _PLAIN, "GRANT SELECT, UPDATE ON {t} TO PUBLIC", words=("PUBLIC",)),
    Mutation(
        "rights",
        "another owner",
        _PLAIN,
        f"ALTER TABLE {{t}} OWNER TO {STRANGER}; GRANT SELECT ON {{t}} TO {READER}",
        words=(STRANGER,),
    ),
    Mutation("table", "unlogged", _PLAIN, "ALTER TABLE {t} SET UNLOGGED", words=("UNLOGGED",)),
    Mutation("trigger", "come by", _PLAIN, f"CREATE TRIGGER {{t}}__trg {_SWALLOWS}", words=("__trg",)),
    Mutation(
        "rule", "come by", _PLAIN, "CREATE RULE {t}__r AS ON INSERT TO {t} DO INSTEAD NOTHING", words=("__r",)
    ),
    Mutation("foreign key", "child's triggers at rest", _CASCADE, "ALTER TABLE {t} DISABLE TRIGGER ALL"),
    Mutation(
        "foreign key", "parent's triggers at rest", _CASCADE, "ALTER TABLE {t}__parent DISABLE TRIGGER ALL"
    ),
    Mutation(
        "foreign key",
        "MATCH FULL",
        _TWO_COLUMNS,
        _drop_constraint("f") + _TWO_COLUMN_KEY + " MATCH FULL ON DELETE SET NULL",
        words=("MATCH FULL",),
    ),
    Mutation(
        "foreign key",
        "SET NULL of one column",
        _TWO_COLUMNS,
        _drop_constraint("f") + _TWO_COLUMN_KEY + " ON DELETE SET NULL (v)",
        words=("SET NULL (v)",),
    ),
    Mutation(
        "unique",
        "deferrable",
        _UNIQUE,
        _drop_constraint("u") + "ALTER TABLE {t} ADD UNIQUE (v) DEFERRABLE",
        words=("DEFERRABLE",),
    ),
    Mutation(
        "primary key",
        "deferrable",
        _PLAIN,
        _drop_constraint("p") + "ALTER TABLE {t} ADD PRIMARY KEY (id) DEFERRABLE",
        words=("DEFERRABLE",),
    ),
    Mutation(
        "unique",
        "NULL once only",
        _UNIQUE,
        _drop_constraint("u") + "CREATE UNIQUE INDEX ON {t} (v) NULLS NOT DISTINCT",
        words=("NULLS NOT DISTINCT",),
    ),
    Mutation(
        "index",
        "another method",
        _INDEX,
        _drop_index() + "CREATE INDEX {t}__i ON {t} USING hash (v)",
        words=("hash",),
    ),
    Mutation(
        "sequence", "ends early", _PLAIN, f"{_OF_SEQUENCE} MAXVALUE 9', {_SEQUENCE}); END $$", words=("id",)
    ),
    Mutation(
        "sequence", "begins anew", _PLAIN, f"{_OF_SEQUENCE} CYCLE', {_SEQUENCE}); END $$", words=("CYCLE",)
    ),
    Mutation(
        "sequence",
        "counts down",
        _PLAIN,
        f"{_OF_SEQUENCE} INCREMENT -1 MINVALUE -9', {_SEQUENCE}); END $$",
        words=("down",),
    ),
    Mutation(
        "default",
        "now and then another value",
        _DEFAULT,
        "ALTER TABLE {t} ALTER v SET DEFAULT 7 + (random() < 0.000001)::integer",
        words=("v",),
    ),
    Mutation(
        "default",
        "for some another value",
        _DEFAULT,
        "ALTER TABLE {t} ALTER v SET DEFAULT CASE WHEN current_user = 'nobody' THEN 8 ELSE 7 END",
        words=("v",),
    ),
    Mutation(
        "view",
        "a constant",
        f"{_VIEW} DELETE FROM {{t}} WHERE id > 2;",
        "CREATE OR REPLACE VIEW {t}__view AS SELECT 2 AS id, 6 AS v",
        words=("__view",),
    ),
    Mutation(
        "view",
        "another query without rows",
        f"{_VIEW} DELETE FROM {{t}};",
        "CREATE OR REPLACE VIEW {t}__view AS SELECT id, v FROM {t} WHERE v > 6",
        words=("__view",),
    ),
    Mutation(
        "rights",
        "of a view, given to PUBLIC",
        _VIEW,
        "GRANT SELECT ON {t}__view TO PUBLIC",
        words=("__view",),
    ),
    Mutation(
        "rights",
        "of a column, given to PUBLIC",
        _PLAIN,
        "GRANT UPDATE (v) ON {t} TO PUBLIC",
        words=("PUBLIC", "(v)"),
    ),
    Mutation(
        "rights",
        "of a sequence, given to PUBLIC",
        _PLAIN,
        f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SEQUENCE %s TO PUBLIC', {_SEQUENCE}); END $$",
        words=("PUBLIC", "sequence"),
    ),
    Mutation(
        "partition", "NOT NULL", _PLAIN, f"{_SPLIT} ALTER TABLE {{t}}__1 ALTER v SET NOT NULL", words=("v",)
    ),
    Mutation(
        "partition", "CHECK", _PLAIN, f"{_SPLIT} ALTER TABLE {{t}}__1 ADD CHECK (v < 9)", words=("__1",)
    ),
    Mutation("partition", "unique", _PLAIN, f"{_SPLIT} ALTER TABLE {{t}}__1 ADD UNIQUE (v)", words=("__1",)),
    Mutation(
        "partition", "trigger", _PLAIN, f"{_SPLIT} CREATE TRIGGER {{t}}__trg {_SWALLOWS_1}", words=("__trg",)
    ),
    Mutation(
        "partition", "given to PUBLIC", _PLAIN, f"{_SPLIT} GRANT ALL ON {{t}}__1 TO PUBLIC", words=("PUBLIC",)
    ),
    Mutation("partition", "missing for the next row", _PLAIN, _SPLIT_SHORT, words=("no partition",)),
    Mutation("partition", "no default partition", _PLAIN, _SPLIT_LONG, words=("partition",), is_advice=True),
)
SCHEMA_TYPES = (
    "CREATE FUNCTION mutant_swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
    "CREATE DOMAIN mutant_domain AS text;CREATE COLLATION mutant_order (provider = libc, locale = 'C.UTF-8');"
)
