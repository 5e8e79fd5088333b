"""Changes by which a target refuses, or gives, something else, or by which it does not: rows beside the kinds told."""

from __future__ import annotations

from migration.model import FindingKind

K = FindingKind
OWNED = 'ALTER TABLE author OWNER TO {role}; ALTER TABLE book OWNER TO {role}; ALTER TABLE "Odd Name" OWNER TO {role}'
REFUSAL_CHANGES: dict[str, tuple[str, set[FindingKind]]] = {
    "unique for a plain index": (
        "DROP INDEX book_shelf; CREATE UNIQUE INDEX book_shelf ON book (shelf)",
        {K.EXTRA_CONSTRAINT},
    ),
    "unique over a part for a plain index": (
        "DROP INDEX book_shelf; CREATE UNIQUE INDEX book_shelf ON book (shelf) WHERE shelf > 5",
        {K.INDEX_PARTIAL, K.EXTRA_CONSTRAINT},
    ),
    "unique for a longer one": (
        "DROP INDEX book_shelf; CREATE UNIQUE INDEX book_shelf ON book (shelf, author)",
        {K.EXTRA_CONSTRAINT},
    ),
    "unique beside a plain index": ("CREATE UNIQUE INDEX ON book (shelf)", {K.EXTRA_CONSTRAINT}),
    "unique over an expression": ("CREATE UNIQUE INDEX ON author (lower(name))", {K.EXTRA_CONSTRAINT}),
    "unique over a part": (
        "CREATE UNIQUE INDEX ON author (name) WHERE name LIKE 'A%'",
        {K.EXTRA_CONSTRAINT},
    ),
    "unique where NULL counts": (
        "CREATE UNIQUE INDEX ON book (title, shelf) NULLS NOT DISTINCT",
        {K.EXTRA_CONSTRAINT},
    ),
    "unique over a key and more": ("CREATE UNIQUE INDEX ON book (title, isbn)", {K.EXTRA_INDEX}),
    "unique over a part of a unique key's rows": (
        "CREATE UNIQUE INDEX ON book (title, shelf) WHERE shelf > 5",
        {K.EXTRA_INDEX},
    ),
    "index of other operators": (
        "DROP INDEX book_shelf; CREATE INDEX book_shelf ON book (shelf oid_ops)",
        {K.INDEX_OPERATORS},
    ),
    "unique index of other operators": (
        'DROP INDEX odd_say; CREATE UNIQUE INDEX odd_say ON "Odd Name" ("say ""hi""" bpchar_ops)',
        {K.UNIQUE},
    ),
    "index of other operators beside": (
        "CREATE INDEX ON author (name text_pattern_ops); CREATE INDEX ON author (code varchar_pattern_ops)",
        {K.EXTRA_INDEX},
    ),
    "index of the same operators by another name": (
        'DROP INDEX odd_say; CREATE UNIQUE INDEX odd_say ON "Odd Name" ("say ""hi""" varchar_ops)',
        set(),
    ),
    "domain of nothing": (
        "CREATE DOMAIN word AS text; CREATE DOMAIN words AS word; ALTER TABLE author ALTER name TYPE words",
        set(),
    ),
    "domain of nothing, NOT NULL": (
        "CREATE DOMAIN word AS varchar(10); ALTER TABLE author ALTER code TYPE word, ALTER ratio SET NOT NULL",
        {K.NOT_NULL},
    ),
    "domain of a domain": (
        "CREATE DOMAIN word AS text NOT NULL; CREATE DOMAIN words AS word; ALTER TABLE author ALTER name TYPE words",
        {K.DOMAIN},
    ),
    "domain that fills": (
        "CREATE DOMAIN word AS varchar(10) DEFAULT 'x'; ALTER TABLE author ALTER code TYPE word",
        {K.DOMAIN},
    ),
    "domain that sorts": (
        'CREATE DOMAIN word AS text COLLATE "C"; ALTER TABLE author ALTER name TYPE word',
        {K.COLLATION},
    ),
    "domain that cuts": (
        "CREATE DOMAIN word AS varchar(5); ALTER TABLE author ALTER code TYPE word",
        {K.TYPE_NARROWER},
    ),
    "varchar for text": (
        "ALTER TABLE author ALTER name TYPE varchar; ALTER TABLE book ALTER title TYPE varchar",
        set(),
    ),
    "as many places as there are": ("ALTER TABLE author ALTER seen TYPE timestamptz(6)", set()),
    "fewer places": ("ALTER TABLE author ALTER seen TYPE timestamptz(3)", {K.TYPE_NARROWER}),
    "sequence of giant steps": ("ALTER SEQUENCE author_id_seq INCREMENT 1000000000", {K.SEQUENCE}),
    "sequence in steps of a pool": ("ALTER SEQUENCE author_id_seq INCREMENT 50", set()),
    "sequence near its end": ("SELECT setval('author_id_seq', 2147483600)", set()),
    "sequence in steps near its end": (
        "SELECT setval('author_id_seq', 2147483000); ALTER SEQUENCE author_id_seq INCREMENT 50",
        {K.SEQUENCE},
    ),
    "view of an owner without rights": ("ALTER VIEW shelves OWNER TO {role}", {K.VIEW}),
    "view of an owner with rights to all columns but one": (
        "ALTER VIEW shelves OWNER TO {role}; GRANT SELECT (isbn, title) ON book TO {role}",
        {K.VIEW},
    ),
    "view of an owner with rights to its columns": (
        "ALTER VIEW shelves OWNER TO {role}; GRANT SELECT (shelf) ON book TO {role}",
        set(),
    ),
    "view with the rights of who asks": ("ALTER VIEW shelves SET (security_invoker = on)", {K.VIEW}),
    "view over a function that is gone": (
        """CREATE FUNCTION inner_one(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
        CREATE FUNCTION outer_one(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT public.inner_one($1)';
        CREATE OR REPLACE VIEW shelves AS
            SELECT outer_one(shelf) AS shelf, count(*) AS books FROM book GROUP BY outer_one(shelf);
        DROP FUNCTION inner_one""",
        {K.VIEW},
    ),
    "owner without rights": (f"{OWNED}; REVOKE UPDATE, SELECT ON book FROM {{role}}", {K.OWNER_RIGHTS}),
    "owner without rights who has those of everybody": (
        f"{OWNED}; GRANT SELECT ON book TO PUBLIC; REVOKE SELECT ON book FROM {{role}}",
        {K.PUBLIC_GRANT},
    ),
    "owner without rights to a sequence": (
        f"{OWNED}; REVOKE USAGE ON SEQUENCE author_id_seq FROM {{role}}",
        {K.OWNER_RIGHTS},
    ),
    "superuser without rights": ("REVOKE ALL ON book FROM CURRENT_USER", set()),
    "published without identity": (
        "ALTER TABLE author REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR ALL TABLES",
        {K.FIRST_WRITE_FAILS},
    ),
    "published by schema without identity": (
        "ALTER TABLE author REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR TABLES IN SCHEMA public",
        {K.FIRST_WRITE_FAILS},
    ),
    "published without the columns of its identity": (
        "CREATE PUBLICATION p FOR TABLE book (title)",
        {K.FIRST_WRITE_FAILS},
    ),
    "published with the columns of its identity": (
        "CREATE PUBLICATION p FOR TABLE book (title, isbn)",
        set(),
    ),
    "published by a list where all columns are the identity": (
        "ALTER TABLE book REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR TABLE book (title, isbn)",
        {K.FIRST_WRITE_FAILS},
    ),
    "published without a computed column of its identity": (
        "ALTER TABLE author REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR ALL TABLES",
        {K.FIRST_WRITE_FAILS},
    ),
    "published with its identity": (
        "ALTER TABLE book REPLICA IDENTITY FULL; CREATE PUBLICATION p FOR ALL TABLES",
        set(),
    ),
    "published with the identity of an index": (
        '''ALTER TABLE "Odd Name" ALTER "say ""hi""" SET NOT NULL, REPLICA IDENTITY USING INDEX odd_say;
        CREATE PUBLICATION p FOR TABLE "Odd Name"''',
        {K.NOT_NULL},
    ),
    "published rows that come alone": (
        "ALTER TABLE author REPLICA IDENTITY NOTHING; CREATE PUBLICATION p FOR ALL TABLES WITH (publish = 'insert')",
        set(),
    ),
}
