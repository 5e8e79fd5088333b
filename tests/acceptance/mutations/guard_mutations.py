"""Changes of what acts on a table or lets more roles at it: triggers, rights, partitions, sequences. Add a line."""

from __future__ import annotations

from tests.acceptance.mutations.mutation import Mutation
from tests.acceptance.mutations.schema_mutations import (
    CASCADE,
    INDEX,
    PLAIN,
    READER,
    ROWS,
    SEQUENCE,
    UNIQUE,
    VIEW,
    drop_constraint,
    drop_index,
)

_OF_SEQUENCE = "DO $$ BEGIN EXECUTE format('ALTER SEQUENCE %s"
_DEFAULT = f"CREATE TABLE {{t}} (id INTEGER PRIMARY KEY, v INTEGER DEFAULT 7); {ROWS}"
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

GUARD_MUTATIONS = (
    Mutation("table", "unlogged", PLAIN, "ALTER TABLE {t} SET UNLOGGED", words=("UNLOGGED",)),
    Mutation("trigger", "come by", PLAIN, f"CREATE TRIGGER {{t}}__trg {_SWALLOWS}", words=("__trg",)),
    Mutation(
        "rule", "come by", PLAIN, "CREATE RULE {t}__r AS ON INSERT TO {t} DO INSTEAD NOTHING", words=("__r",)
    ),
    Mutation("foreign key", "child's triggers at rest", CASCADE, "ALTER TABLE {t} DISABLE TRIGGER ALL"),
    Mutation(
        "foreign key", "parent's triggers at rest", CASCADE, "ALTER TABLE {t}__parent DISABLE TRIGGER ALL"
    ),
    Mutation(
        "foreign key",
        "MATCH FULL",
        _TWO_COLUMNS,
        drop_constraint("f") + _TWO_COLUMN_KEY + " MATCH FULL ON DELETE SET NULL",
        words=("MATCH FULL",),
    ),
    Mutation(
        "foreign key",
        "SET NULL of one column",
        _TWO_COLUMNS,
        drop_constraint("f") + _TWO_COLUMN_KEY + " ON DELETE SET NULL (v)",
        words=("SET NULL (v)",),
    ),
    Mutation(
        "unique",
        "deferrable",
        UNIQUE,
        drop_constraint("u") + "ALTER TABLE {t} ADD UNIQUE (v) DEFERRABLE",
        words=("DEFERRABLE",),
    ),
    Mutation(
        "primary key",
        "deferrable",
        PLAIN,
        drop_constraint("p") + "ALTER TABLE {t} ADD PRIMARY KEY (id) DEFERRABLE",
        words=("DEFERRABLE",),
    ),
    Mutation(
        "unique",
        "NULL once only",
        UNIQUE,
        drop_constraint("u") + "CREATE UNIQUE INDEX ON {t} (v) NULLS NOT DISTINCT",
        words=("NULLS NOT DISTINCT",),
    ),
    Mutation(
        "index",
        "another method",
        INDEX,
        drop_index() + "CREATE INDEX {t}__i ON {t} USING hash (v)",
        words=("hash",),
    ),
    Mutation(
        "sequence", "ends early", PLAIN, f"{_OF_SEQUENCE} MAXVALUE 9', {SEQUENCE}); END $$", words=("id",)
    ),
    Mutation(
        "sequence", "begins anew", PLAIN, f"{_OF_SEQUENCE} CYCLE', {SEQUENCE}); END $$", words=("CYCLE",)
    ),
    Mutation(
        "sequence",
        "counts down",
        PLAIN,
        f"{_OF_SEQUENCE} INCREMENT -1 MINVALUE -9', {SEQUENCE}); END $$",
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
        f"{VIEW} DELETE FROM {{t}} WHERE id > 2;",
        "CREATE OR REPLACE VIEW {t}__view AS SELECT 2 AS id, 6 AS v",
        words=("__view",),
    ),
    Mutation(
        "view",
        "another query without rows",
        f"{VIEW} DELETE FROM {{t}};",
        "CREATE OR REPLACE VIEW {t}__view AS SELECT id, v FROM {t} WHERE v > 6",
        words=("__view",),
    ),
    Mutation(
        "rights",
        "of a view, given to PUBLIC",
        VIEW,
        "GRANT SELECT ON {t}__view TO PUBLIC",
        words=("__view",),
    ),
    Mutation(
        "rights",
        "of a column, given to PUBLIC",
        PLAIN,
        "GRANT UPDATE (v) ON {t} TO PUBLIC",
        words=("PUBLIC", "(v)"),
    ),
    Mutation(
        "rights",
        "of a sequence, given to PUBLIC",
        PLAIN,
        f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SEQUENCE %s TO PUBLIC', {SEQUENCE}); END $$",
        words=("PUBLIC", "sequence"),
    ),
    Mutation(
        "partition", "NOT NULL", PLAIN, f"{_SPLIT} ALTER TABLE {{t}}__1 ALTER v SET NOT NULL", words=("v",)
    ),
    Mutation("partition", "CHECK", PLAIN, f"{_SPLIT} ALTER TABLE {{t}}__1 ADD CHECK (v < 9)", words=("__1",)),
    Mutation("partition", "unique", PLAIN, f"{_SPLIT} ALTER TABLE {{t}}__1 ADD UNIQUE (v)", words=("__1",)),
    Mutation(
        "partition", "trigger", PLAIN, f"{_SPLIT} CREATE TRIGGER {{t}}__trg {_SWALLOWS_1}", words=("__trg",)
    ),
    Mutation(
        "partition", "given to PUBLIC", PLAIN, f"{_SPLIT} GRANT ALL ON {{t}}__1 TO PUBLIC", words=("PUBLIC",)
    ),
    Mutation("partition", "missing for the next row", PLAIN, _SPLIT_SHORT, words=("no partition",)),
    Mutation("partition", "no default partition", PLAIN, _SPLIT_LONG, words=("partition",), is_advice=True),
)
