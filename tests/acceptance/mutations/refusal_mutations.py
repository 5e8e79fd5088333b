"""Changes by which the server refuses more, or gives nothing, while all looks as it should. Add a line."""

from __future__ import annotations

from tests.acceptance.mutations.mutation import Mutation
from tests.acceptance.mutations.schema_mutations import (
    INDEX,
    PLAIN,
    SEQUENCE,
    STRANGER,
    TEXT_INDEX,
    UNIQUE,
    VIEW,
    drop_constraint,
    drop_index,
)

_NO_KEY = "CREATE TABLE {t} (v INTEGER); INSERT INTO {t} VALUES (5), (6);"
_TEXT_KEY = (
    "CREATE TABLE {t} (id INTEGER PRIMARY KEY, v TEXT UNIQUE); INSERT INTO {t} VALUES (1, 'a'), (2, 'b');"
)
_GIVEN_AWAY = f"ALTER TABLE {{t}} OWNER TO {STRANGER};"

REFUSAL_MUTATIONS = (
    Mutation(
        "index",
        "unique in place of a plain one",
        INDEX,
        drop_index() + "CREATE UNIQUE INDEX {t}__i ON {t} (v)",
        words=("unique", "refuses"),
    ),
    Mutation(
        "index",
        "unique over a part in place of a plain one",
        INDEX,
        drop_index() + "CREATE UNIQUE INDEX {t}__i ON {t} (v) WHERE v > 5",
        words=("unique", "refuses"),
    ),
    Mutation(
        "unique",
        "of an expression come by",
        PLAIN,
        "CREATE UNIQUE INDEX {t}__i ON {t} ((v / 1))",
        words=("unique", "refuses"),
    ),
    Mutation(
        "unique",
        "of a part come by",
        PLAIN,
        "CREATE UNIQUE INDEX {t}__i ON {t} (v) WHERE v > 5",
        words=("unique", "refuses"),
    ),
    Mutation(
        "index",
        "another operator class",
        TEXT_INDEX,
        drop_index() + "CREATE INDEX {t}__i ON {t} (v text_pattern_ops)",
        words=("text_pattern_ops",),
    ),
    Mutation(
        "unique",
        "another operator class",
        _TEXT_KEY,
        drop_constraint("u") + "CREATE UNIQUE INDEX {t}__i ON {t} (v bpchar_ops)",
        words=("bpchar_ops",),
    ),
    Mutation(
        "unique",
        "an operator class of somebody",
        UNIQUE,
        drop_constraint("u") + "CREATE UNIQUE INDEX {t}__i ON {t} (v mutant_ops)",
        words=("mutant_ops",),
    ),
    Mutation(
        "sequence",
        "in giant steps",
        PLAIN,
        f"DO $$ BEGIN EXECUTE format('ALTER SEQUENCE %s INCREMENT 1000000000', {SEQUENCE}); END $$",
        words=("steps of 1,000,000,000",),
    ),
    Mutation(
        "view",
        "of an owner without rights",
        VIEW,
        f"ALTER VIEW {{t}}__view OWNER TO {STRANGER}",
        words=("__view", STRANGER, "GRANT SELECT"),
    ),
    Mutation(
        "view",
        "with the rights of who asks",
        VIEW,
        "ALTER VIEW {t}__view SET (security_invoker = true)",
        words=("__view", "security_invoker"),
    ),
    Mutation(
        "rights",
        "taken from the owner",
        PLAIN,
        f"{_GIVEN_AWAY} REVOKE INSERT ON {{t}} FROM {STRANGER}",
        words=("itself has no INSERT",),
    ),
    Mutation(
        "rights",
        "to a sequence, taken from the owner",
        PLAIN,
        f"{_GIVEN_AWAY} DO $$ BEGIN EXECUTE format('REVOKE ALL ON SEQUENCE %s FROM {STRANGER}', {SEQUENCE}); END $$",
        words=("itself has no USAGE",),
    ),
    Mutation(
        "publication",
        "without a key",
        _NO_KEY,
        "CREATE PUBLICATION {t}__all FOR TABLE {t}",
        words=("UPDATE and DELETE", "REPLICA IDENTITY FULL"),
    ),
    Mutation(
        "publication",
        "with its identity switched off",
        PLAIN,
        "ALTER TABLE {t} REPLICA IDENTITY NOTHING; CREATE PUBLICATION {t}__one FOR TABLE {t} WITH (publish = 'delete')",
        words=("DELETE", "REPLICA IDENTITY FULL"),
    ),
)
_COMPARISONS = {"lt": "<", "le": "<=", "eq": "=", "ge": ">=", "gt": ">"}
REFUSAL_TYPES = (
    "CREATE FUNCTION mutant_order(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE"
    " AS 'SELECT btint4cmp(abs($1), abs($2))';"
    + "".join(
        f"CREATE FUNCTION mutant_{name}(integer, integer) RETURNS boolean LANGUAGE sql IMMUTABLE"
        f" AS 'SELECT abs($1) {sign} abs($2)';"
        f"CREATE OPERATOR {sign}# (LEFTARG = integer, RIGHTARG = integer, FUNCTION = mutant_{name});"
        for name, sign in _COMPARISONS.items()
    )
    + "CREATE OPERATOR CLASS mutant_ops FOR TYPE integer USING btree AS "
    + ", ".join(f"OPERATOR {number} {sign}#" for number, sign in enumerate(_COMPARISONS.values(), start=1))
    + ", FUNCTION 1 mutant_order(integer, integer);"
)
"""The operator class by which a number and its negative are one."""
