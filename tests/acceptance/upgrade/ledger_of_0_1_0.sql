CREATE SCHEMA convoy;
CREATE SCHEMA convoy_01a22c2d3c2075dd87c95f218f6c5722_staging;
CREATE TABLE convoy.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE convoy.chunks (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    table_id bigint NOT NULL,
    "position" integer NOT NULL,
    key_range jsonb NOT NULL,
    rows bigint NOT NULL,
    bytes bigint DEFAULT '0'::bigint NOT NULL,
    profile jsonb,
    orphans jsonb,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    rows_loaded bigint,
    rows_quarantined bigint,
    digest text,
    seconds double precision,
    worker text,
    finished_at timestamp with time zone
);
ALTER TABLE convoy.chunks ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.chunks_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.columns (
    table_id bigint NOT NULL,
    name text NOT NULL,
    "position" integer NOT NULL,
    declared_type text NOT NULL,
    target_name text NOT NULL,
    target_type text NOT NULL,
    reason text NOT NULL,
    profile jsonb NOT NULL
);
CREATE TABLE convoy.events (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    at timestamp with time zone DEFAULT now(),
    kind text NOT NULL,
    data jsonb NOT NULL
);
ALTER TABLE convoy.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.findings (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    "table" text NOT NULL,
    "column" text,
    key text,
    message text NOT NULL,
    is_error boolean NOT NULL,
    loss text DEFAULT ''::text NOT NULL,
    accepted_by text
);
ALTER TABLE convoy.findings ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.findings_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.objects (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    owner text DEFAULT ''::text NOT NULL
);
ALTER TABLE convoy.objects ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.objects_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.quarantine (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    table_id bigint NOT NULL,
    chunk_id bigint,
    key jsonb NOT NULL,
    "column" text NOT NULL,
    storage_class text NOT NULL,
    original bytea NOT NULL,
    reason text NOT NULL
);
ALTER TABLE convoy.quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.run_service (
    run_id uuid NOT NULL,
    bytes bigint NOT NULL,
    claimed_at timestamp with time zone NOT NULL
);
CREATE TABLE convoy.runs (
    id uuid NOT NULL,
    mode text NOT NULL,
    phase text NOT NULL,
    resume_phase text,
    options jsonb NOT NULL,
    staging_schema text NOT NULL,
    previous_schema text NOT NULL,
    error text,
    cutover jsonb,
    priority integer GENERATED ALWAYS AS (COALESCE(((options ->> 'priority'::text))::integer, 0)) STORED,
    max_workers integer GENERATED ALWAYS AS (((options ->> 'max_workers'::text))::integer) STORED,
    paused_at timestamp with time zone,
    cutover_since timestamp with time zone,
    cutover_next_at timestamp with time zone,
    copied_in text,
    created_at timestamp with time zone DEFAULT now(),
    started_at timestamp with time zone,
    finished_at timestamp with time zone
);
CREATE TABLE convoy.sources (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    label text NOT NULL,
    location text NOT NULL,
    snapshot text NOT NULL,
    sha256 text NOT NULL,
    bytes bigint NOT NULL,
    schema jsonb NOT NULL,
    given_sha256 text,
    given_bytes bigint
);
ALTER TABLE convoy.sources ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.sources_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.steps (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    phase text NOT NULL,
    stage integer DEFAULT 1 NOT NULL,
    table_id bigint,
    chunk_id bigint,
    spec jsonb DEFAULT '{}'::jsonb NOT NULL,
    weight bigint DEFAULT '0'::bigint NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    worker text,
    error text,
    result jsonb,
    sent_at timestamp with time zone,
    lease_expires_at timestamp with time zone,
    claimed_at timestamp with time zone,
    finished_at timestamp with time zone
);
ALTER TABLE convoy.steps ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.steps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.tables (
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    source_id bigint NOT NULL,
    name text NOT NULL,
    rows bigint NOT NULL,
    bytes bigint DEFAULT '0'::bigint NOT NULL,
    plan jsonb,
    rows_target bigint,
    digest_source text,
    digest_target text,
    equal boolean,
    guard text,
    signature jsonb,
    schema_checked integer
);
ALTER TABLE convoy.tables ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME convoy.tables_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy.transforms (
    chunk_id bigint NOT NULL,
    "column" text NOT NULL,
    transform text NOT NULL,
    "values" bigint NOT NULL
);
CREATE TABLE convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.author (
    id integer NOT NULL,
    name character varying(40) NOT NULL
)
WITH (autovacuum_enabled='false');
ALTER TABLE convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.author ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.author_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book (
    id integer NOT NULL,
    author_id integer,
    title text,
    price numeric
)
WITH (autovacuum_enabled='false');
ALTER TABLE convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO convoy.alembic_version VALUES ('0009');
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (1, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 1, 0, '{"upto": null, "after": null, "columns": ["id"]}', 2, 24, '{"id": {"counts": {"integer": 2}, "int_max": 2, "int_min": 1, "accepted": {"integer": 2}, "examples": {"integer": "1"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 16, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "name": {"counts": {"text": 2}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Ada"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 8, "uuid_shapes": {}, "longest_bytes": 5, "longest_chars": 5, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (2, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 0, '{"upto": ["10"], "after": null, "columns": ["id"]}', 10, 821, '{"id": {"counts": {"integer": 10}, "int_max": 10, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "1"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 2, "int_min": 1, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "0.25", "integer": "1"}, "real_max": 2.5, "real_min": 0.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 581, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (5, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 3, '{"upto": ["40"], "after": ["30"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 40, "int_min": 31, "accepted": {"integer": 10}, "examples": {"integer": "31"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 10, "int_min": 8, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "7.75", "integer": "8"}, "real_max": 9.75, "real_min": 7.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 31 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (6, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 4, '{"upto": ["50"], "after": ["40"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 50, "int_min": 41, "accepted": {"integer": 10}, "examples": {"integer": "41"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 12, "int_min": 11, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "10.25", "integer": "11"}, "real_max": 12.5, "real_min": 10.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 41 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (7, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 5, '{"upto": ["60"], "after": ["50"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 60, "int_min": 51, "accepted": {"integer": 10}, "examples": {"integer": "51"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 15, "int_min": 13, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "12.75", "integer": "13"}, "real_max": 14.75, "real_min": 12.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 51 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (15, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 13, '{"upto": ["140"], "after": ["130"], "columns": ["id"]}', 10, 840, '{"id": {"counts": {"integer": 10}, "int_max": 140, "int_min": 131, "accepted": {"integer": 10}, "examples": {"integer": "131"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 35, "int_min": 33, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "32.75", "integer": "33"}, "real_max": 34.75, "real_min": 32.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 131 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 600, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'done', 1, 10, 0, 'b88f6c1ce59ef403253c82587fbcec1c', 0.015425117000631872, 'worker-old@host:14894', '2026-11-30 11:18:14.523407+00');
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (3, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 1, '{"upto": ["20"], "after": ["10"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 20, "int_min": 11, "accepted": {"integer": 10}, "examples": {"integer": "11"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 5, "int_min": 3, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "2.75", "integer": "3"}, "real_max": 4.75, "real_min": 2.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 11 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'running', 1, NULL, NULL, NULL, NULL, 'worker-old@host:14894', NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (8, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 6, '{"upto": ["70"], "after": ["60"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 70, "int_min": 61, "accepted": {"integer": 10}, "examples": {"integer": "61"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 17, "int_min": 16, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "15.25", "integer": "16"}, "real_max": 17.5, "real_min": 15.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 61 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (9, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 7, '{"upto": ["80"], "after": ["70"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 80, "int_min": 71, "accepted": {"integer": 10}, "examples": {"integer": "71"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 20, "int_min": 18, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "17.75", "integer": "18"}, "real_max": 19.75, "real_min": 17.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 71 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (10, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 8, '{"upto": ["90"], "after": ["80"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 90, "int_min": 81, "accepted": {"integer": 10}, "examples": {"integer": "81"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 22, "int_min": 21, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "20.25", "integer": "21"}, "real_max": 22.5, "real_min": 20.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 81 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'pending', 0, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (14, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 12, '{"upto": ["130"], "after": ["120"], "columns": ["id"]}', 10, 840, '{"id": {"counts": {"integer": 10}, "int_max": 130, "int_min": 121, "accepted": {"integer": 10}, "examples": {"integer": "121"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 32, "int_min": 31, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "30.25", "integer": "31"}, "real_max": 32.5, "real_min": 30.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 121 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 600, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'done', 1, 10, 0, '7fac87b43e93b25968ff30eb6a2bde0b', 0.03378571000030206, 'worker-old@host:14894', '2026-11-30 11:18:14.523454+00');
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (16, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 14, '{"upto": null, "after": ["140"], "columns": ["id"]}', 10, 840, '{"id": {"counts": {"integer": 10}, "int_max": 150, "int_min": 141, "accepted": {"integer": 10}, "examples": {"integer": "141"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 37, "int_min": 36, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "35.25", "integer": "36"}, "real_max": 37.5, "real_min": 35.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 141 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 600, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'running', 1, NULL, NULL, NULL, NULL, 'worker-old@host:14917', NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (11, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 9, '{"upto": ["100"], "after": ["90"], "columns": ["id"]}', 10, 831, '{"id": {"counts": {"integer": 10}, "int_max": 100, "int_min": 91, "accepted": {"integer": 10}, "examples": {"integer": "91"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 25, "int_min": 23, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "22.75", "integer": "23"}, "real_max": 24.75, "real_min": 22.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 91 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 591, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'running', 1, NULL, NULL, NULL, NULL, 'worker-old@host:14917', NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (4, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 2, '{"upto": ["30"], "after": ["20"], "columns": ["id"]}', 10, 830, '{"id": {"counts": {"integer": 10}, "int_max": 30, "int_min": 21, "accepted": {"integer": 10}, "examples": {"integer": "21"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 7, "int_min": 6, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "5.25", "integer": "6"}, "real_max": 7.5, "real_min": 5.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 21 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 590, "uuid_shapes": {}, "longest_bytes": 59, "longest_chars": 59, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'running', 1, NULL, NULL, NULL, NULL, 'worker-old@host:14894', NULL);
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (13, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 11, '{"upto": ["120"], "after": ["110"], "columns": ["id"]}', 10, 840, '{"id": {"counts": {"integer": 10}, "int_max": 120, "int_min": 111, "accepted": {"integer": 10}, "examples": {"integer": "111"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 7, "integer": 3}, "int_max": 30, "int_min": 28, "accepted": {"real": 7, "integer": 3}, "examples": {"real": "27.75", "integer": "28"}, "real_max": 29.75, "real_min": 27.75, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 111 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 600, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'done', 1, 10, 0, '94ee777fddea3bc8fd086bc2f8fa7722', 0.010127266001290991, 'worker-old@host:14917', '2026-11-30 11:18:14.520353+00');
INSERT INTO convoy.chunks OVERRIDING SYSTEM VALUE VALUES (12, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 2, 10, '{"upto": ["110"], "after": ["100"], "columns": ["id"]}', 10, 840, '{"id": {"counts": {"integer": 10}, "int_max": 110, "int_min": 101, "accepted": {"integer": 10}, "examples": {"integer": "101"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "price": {"counts": {"real": 8, "integer": 2}, "int_max": 27, "int_min": 26, "accepted": {"real": 8, "integer": 2}, "examples": {"real": "25.25", "integer": "26"}, "real_max": 27.5, "real_min": 25.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "title": {"counts": {"text": 10}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 101 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 600, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}, "author_id": {"counts": {"integer": 10}, "int_max": 2, "int_min": 1, "accepted": {"integer": 10}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 80, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}}', NULL, 'done', 1, 10, 0, '93129172a634ea3cebfae977d5d170ce', 0.046977584999694955, 'worker-old@host:14917', '2026-11-30 11:18:14.520453+00');
INSERT INTO convoy.columns VALUES (1, 'id', 0, 'INTEGER', 'id', 'integer', 'INTEGER as declared', '{"counts": {"integer": 2}, "int_max": 2, "int_min": 1, "accepted": {"integer": 2}, "examples": {"integer": "1"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 16, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}');
INSERT INTO convoy.columns VALUES (1, 'name', 1, 'VARCHAR(40)', 'name', 'varchar(40)', 'VARCHAR(40) as declared', '{"counts": {"text": 2}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Ada"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 8, "uuid_shapes": {}, "longest_bytes": 5, "longest_chars": 5, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}');
INSERT INTO convoy.columns VALUES (2, 'id', 0, 'INTEGER', 'id', 'integer', 'INTEGER as declared', '{"counts": {"integer": 150}, "int_max": 150, "int_min": 1, "accepted": {"integer": 150}, "examples": {"integer": "1"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 1200, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}');
INSERT INTO convoy.columns VALUES (2, 'author_id', 1, 'INTEGER', 'author_id', 'integer', 'INTEGER as declared', '{"counts": {"integer": 150}, "int_max": 2, "int_min": 1, "accepted": {"integer": 150}, "examples": {"integer": "2"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 1200, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}');
INSERT INTO convoy.columns VALUES (2, 'title', 2, 'TEXT', 'title', 'text', 'TEXT as declared', '{"counts": {"text": 150}, "int_max": null, "int_min": null, "accepted": {}, "examples": {"text": "Title 1 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}, "real_max": null, "real_min": null, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 8892, "uuid_shapes": {}, "longest_bytes": 60, "longest_chars": 60, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}');
INSERT INTO convoy.columns VALUES (2, 'price', 3, 'NUMERIC', 'price', 'numeric', 'NUMERIC as declared', '{"counts": {"real": 113, "integer": 37}, "int_max": 37, "int_min": 1, "accepted": {"real": 113, "integer": 37}, "examples": {"real": "0.25", "integer": "1"}, "real_max": 37.5, "real_min": 0.25, "nul_texts": 0, "whole_days": {}, "empty_texts": 0, "total_bytes": 1200, "uuid_shapes": {}, "longest_bytes": 0, "longest_chars": 0, "texts_to_null": 0, "accepted_wider": {}, "bad_utf8_texts": 0, "real_nonfinite": 0, "documents_losing": 0}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (1, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:11.778684+00', 'phase', '{"phase": "pending"}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (2, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:11.790789+00', 'act', '{"act": "started", "data": {}, "host": "host", "person": "operator", "convoy_version": "0.1.0"}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (3, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:12.990504+00', 'phase', '{"phase": "snapshotting"}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (4, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:13.040451+00', 'phase', '{"phase": "profiling"}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (5, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:13.061068+00', 'sent', '{"phase": "profiling", "steps": 16, "messages": 6}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (6, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:14.147941+00', 'planned', '{"chunks": 16, "tables": 2}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (7, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:14.161519+00', 'phase', '{"phase": "copying"}');
INSERT INTO convoy.events OVERRIDING SYSTEM VALUE VALUES (8, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', '2026-11-30 11:18:14.184326+00', 'sent', '{"phase": "copying", "steps": 16, "messages": 8}');
INSERT INTO convoy.objects OVERRIDING SYSTEM VALUE VALUES (1, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'table', 'author', 'created', '', 'shop');
INSERT INTO convoy.objects OVERRIDING SYSTEM VALUE VALUES (2, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'table', 'book', 'created', '', 'shop');
INSERT INTO convoy.run_service VALUES ('01a22c2d-3c20-75dd-87c9-5f218f6c5722', 37341, '2026-11-30 11:18:14.584482+00');
INSERT INTO convoy.runs VALUES ('01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'migrate', 'copying', NULL, '{"app": "", "hold": false, "mode": "migrate", "accept": [], "ignore": [], "tables": [], "target": "postgresql://postgres@/rehearsal?host={folder}/postgres&port=47045", "catalog": null, "exclude": [], "mapping": null, "salvage": false, "sources": [{"label": "shop", "location": "{folder}/shop.db"}], "workers": 2, "on_error": "quarantine", "priority": 0, "data_only": false, "if_exists": "refuse", "on_orphan": "not-valid", "app_sha256": "", "batch_rows": null, "chunk_rows": 10, "left_alone": [], "accepted_by": "", "identifiers": "preserve", "max_workers": null, "on_conflict": "abort", "fire_triggers": false, "target_schema": "shop", "cutover_window": "", "ignore_version": false, "drop_dependents": [], "idempotency_key": "", "skip_validation": false, "source_timezone": "UTC", "schema_per_source": false, "cutover_patience_seconds": 600.0, "cutover_lock_timeout_seconds": 2.0}', 'convoy_01a22c2d3c2075dd87c95f218f6c5722_staging', 'convoy_01a22c2d3c2075dd87c95f218f6c5722_previous', NULL, NULL, DEFAULT, DEFAULT, NULL, NULL, NULL, NULL, '2026-11-30 11:18:11.763358+00', '2026-11-30 11:18:12.985791+00', NULL);
INSERT INTO convoy.sources OVERRIDING SYSTEM VALUE VALUES (1, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'shop', '{folder}/shop.db', '{folder}/.convoy/snapshots/{sha256}.sqlite', '{sha256}', 28672, '{"tables": [{"sql": "CREATE TABLE author (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL)", "kind": "table", "name": "author", "note": "", "checks": [], "strict": false, "applied": [], "columns": [{"name": "id", "comment": "", "not_null": false, "override": null, "position": 0, "collation": "BINARY", "generated": "no", "default_sql": null, "pk_position": 1, "declared_type": "INTEGER", "generated_sql": null}, {"name": "name", "comment": "", "not_null": true, "override": null, "position": 1, "collation": "BINARY", "generated": "no", "default_sql": null, "pk_position": 0, "declared_type": "VARCHAR(40)", "generated_sql": null}], "comment": "", "indexes": [], "override": null, "rows_sql": null, "rowid_name": "id", "rowid_alias": "id", "foreign_keys": [], "autoincrement": false, "without_rowid": false, "autoincrement_seq": null}, {"sql": "CREATE TABLE book (\n                id INTEGER PRIMARY KEY, author_id INTEGER REFERENCES author (id), title TEXT, price NUMERIC)", "kind": "table", "name": "book", "note": "", "checks": [], "strict": false, "applied": [], "columns": [{"name": "id", "comment": "", "not_null": false, "override": null, "position": 0, "collation": "BINARY", "generated": "no", "default_sql": null, "pk_position": 1, "declared_type": "INTEGER", "generated_sql": null}, {"name": "author_id", "comment": "", "not_null": false, "override": null, "position": 1, "collation": "BINARY", "generated": "no", "default_sql": null, "pk_position": 0, "declared_type": "INTEGER", "generated_sql": null}, {"name": "title", "comment": "", "not_null": false, "override": null, "position": 2, "collation": "BINARY", "generated": "no", "default_sql": null, "pk_position": 0, "declared_type": "TEXT", "generated_sql": null}, {"name": "price", "comment": "", "not_null": false, "override": null, "position": 3, "collation": "BINARY", "generated": "no", "default_sql": null, "pk_position": 0, "declared_type": "NUMERIC", "generated_sql": null}], "comment": "", "indexes": [{"sql": "CREATE INDEX book_author ON book (author_id)", "name": "book_author", "origin": "c", "unique": false, "columns": [{"sql": null, "name": "author_id", "collation": "BINARY", "descending": false}], "comment": "", "where_sql": null}], "override": null, "rows_sql": null, "rowid_name": "id", "rowid_alias": "id", "foreign_keys": [{"columns": ["author_id"], "on_delete": "NO ACTION", "on_update": "NO ACTION", "deferrable": false, "parent_table": "author", "parent_columns": ["id"]}], "autoincrement": false, "without_rowid": false, "autoincrement_seq": null}], "objects": [], "encoding": "UTF-8"}', NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (3, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 3, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059138+00', '2026-11-30 11:18:18.625948+00', '2026-11-30 11:18:13.625949+00', '2026-11-30 11:18:13.69691+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (1, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 1, '{}', 2000, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 24}', '2026-11-30 11:18:13.05916+00', '2026-11-30 11:18:18.627071+00', '2026-11-30 11:18:13.627071+00', '2026-11-30 11:18:13.696952+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (2, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 2, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 821}', '2026-11-30 11:18:13.059168+00', '2026-11-30 11:18:18.627087+00', '2026-11-30 11:18:13.627087+00', '2026-11-30 11:18:13.696958+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (4, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 4, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059002+00', '2026-11-30 11:18:18.65198+00', '2026-11-30 11:18:13.65198+00', '2026-11-30 11:18:13.749517+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (5, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 5, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059164+00', '2026-11-30 11:18:18.652099+00', '2026-11-30 11:18:13.652099+00', '2026-11-30 11:18:13.749548+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (7, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 7, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059156+00', '2026-11-30 11:18:18.784679+00', '2026-11-30 11:18:13.784679+00', '2026-11-30 11:18:13.797559+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (6, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 6, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059181+00', '2026-11-30 11:18:18.784713+00', '2026-11-30 11:18:13.784713+00', '2026-11-30 11:18:13.797583+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (8, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 8, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059196+00', '2026-11-30 11:18:18.784721+00', '2026-11-30 11:18:13.784721+00', '2026-11-30 11:18:13.797589+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (10, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 10, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059148+00', '2026-11-30 11:18:18.793482+00', '2026-11-30 11:18:13.793482+00', '2026-11-30 11:18:13.83074+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (9, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 9, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 830}', '2026-11-30 11:18:13.059152+00', '2026-11-30 11:18:18.793517+00', '2026-11-30 11:18:13.793517+00', '2026-11-30 11:18:13.830775+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (11, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 11, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 831}', '2026-11-30 11:18:13.059192+00', '2026-11-30 11:18:18.793525+00', '2026-11-30 11:18:13.793525+00', '2026-11-30 11:18:13.830781+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (14, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 14, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 840}', '2026-11-30 11:18:13.059126+00', '2026-11-30 11:18:18.853129+00', '2026-11-30 11:18:13.853129+00', '2026-11-30 11:18:13.871294+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (13, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 13, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 840}', '2026-11-30 11:18:13.059143+00', '2026-11-30 11:18:18.853162+00', '2026-11-30 11:18:13.853162+00', '2026-11-30 11:18:13.871335+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (12, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 12, '{}', 1910, 'done', 1, 'worker-old@host:14894', NULL, '{"bytes": 840}', '2026-11-30 11:18:13.059187+00', '2026-11-30 11:18:18.85317+00', '2026-11-30 11:18:13.85317+00', '2026-11-30 11:18:13.871341+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (16, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 16, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 840}', '2026-11-30 11:18:13.059173+00', '2026-11-30 11:18:18.87275+00', '2026-11-30 11:18:13.872751+00', '2026-11-30 11:18:13.942806+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (15, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'profiling', 1, NULL, 15, '{}', 1910, 'done', 1, 'worker-old@host:14917', NULL, '{"bytes": 840}', '2026-11-30 11:18:13.059177+00', '2026-11-30 11:18:18.872785+00', '2026-11-30 11:18:13.872785+00', '2026-11-30 11:18:13.942837+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (24, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 8, '{}', 830, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.182883+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (25, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 9, '{}', 830, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.182948+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (21, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 5, '{}', 830, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.182967+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (17, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 1, 1, '{}', 24, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.182972+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (22, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 6, '{}', 830, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.182976+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (29, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 13, '{}', 840, 'done', 1, 'worker-old@host:14917', NULL, '{"seconds": 0.010127266001290991, "bytes_sent": 1041}', '2026-11-30 11:18:14.182958+00', '2026-11-30 11:18:19.204118+00', '2026-11-30 11:18:14.204118+00', '2026-11-30 11:18:14.52242+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (28, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 12, '{}', 840, 'done', 1, 'worker-old@host:14917', NULL, '{"seconds": 0.046977584999694955, "bytes_sent": 1041}', '2026-11-30 11:18:14.182985+00', '2026-11-30 11:18:19.204152+00', '2026-11-30 11:18:14.204152+00', '2026-11-30 11:18:14.522449+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (31, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 15, '{}', 840, 'done', 1, 'worker-old@host:14894', NULL, '{"seconds": 0.015425117000631872, "bytes_sent": 1041}', '2026-11-30 11:18:14.182953+00', '2026-11-30 11:18:19.215939+00', '2026-11-30 11:18:14.215939+00', '2026-11-30 11:18:14.527256+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (30, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 14, '{}', 840, 'done', 1, 'worker-old@host:14894', NULL, '{"seconds": 0.03378571000030206, "bytes_sent": 1041}', '2026-11-30 11:18:14.182963+00', '2026-11-30 11:18:19.215974+00', '2026-11-30 11:18:14.215974+00', '2026-11-30 11:18:14.527286+00');
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (19, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 3, '{}', 830, 'running', 1, 'worker-old@host:14894', NULL, NULL, '2026-11-30 11:18:14.18294+00', '2026-11-30 11:18:19.584426+00', '2026-11-30 11:18:14.584426+00', NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (20, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 4, '{}', 830, 'running', 1, 'worker-old@host:14894', NULL, NULL, '2026-11-30 11:18:14.182981+00', '2026-11-30 11:18:19.584462+00', '2026-11-30 11:18:14.584462+00', NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (18, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 2, '{}', 821, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.183251+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (26, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 10, '{}', 830, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.183257+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (23, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 7, '{}', 830, 'pending', 0, NULL, NULL, NULL, '2026-11-30 11:18:14.183267+00', NULL, NULL, NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (32, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 16, '{}', 840, 'running', 1, 'worker-old@host:14917', NULL, NULL, '2026-11-30 11:18:14.182989+00', '2026-11-30 11:18:19.572443+00', '2026-11-30 11:18:14.572444+00', NULL);
INSERT INTO convoy.steps OVERRIDING SYSTEM VALUE VALUES (27, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 'copying', 2, 2, 11, '{}', 831, 'running', 1, 'worker-old@host:14917', NULL, NULL, '2026-11-30 11:18:14.183262+00', '2026-11-30 11:18:19.57248+00', '2026-11-30 11:18:14.57248+00', NULL);
INSERT INTO convoy.tables OVERRIDING SYSTEM VALUE VALUES (1, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 1, 'author', 2, 24, '{"key": ["id"], "name": "author", "columns": [{"kind": "int32", "name": "id", "rules": {"integer": "integer_to_int32"}, "reason": "INTEGER as declared", "cast_to": "", "identity": true, "not_null": true, "normalise": [], "default_sql": null, "target_name": "id", "target_type": "integer", "time_example": "", "declared_type": "INTEGER", "generated_sql": null, "computed_there": false, "nul_replacement": null, "source_timezone": null}, {"kind": "text", "name": "name", "rules": {"text": "text_to_text"}, "reason": "VARCHAR(40) as declared", "cast_to": "", "identity": false, "not_null": true, "normalise": [], "default_sql": null, "target_name": "name", "target_type": "varchar(40)", "time_example": "", "declared_type": "VARCHAR(40)", "generated_sql": null, "computed_there": false, "nul_replacement": null, "source_timezone": null}], "objects": [{"sql": "ALTER TABLE {schema}.\"author\" ADD CONSTRAINT \"author_pkey\" PRIMARY KEY (\"id\")", "kind": "primary key", "name": "author_pkey", "stage": 1, "state": "created", "table": "author", "reason": "", "adopt_sql": "ALTER TABLE {schema}.\"author\" ADD CONSTRAINT \"author_pkey\" PRIMARY KEY USING INDEX \"author_pkey\"", "index_sql": "CREATE UNIQUE INDEX \"author_pkey\" ON {schema}.\"author\" (\"id\")", "source_sql": "PRIMARY KEY (id)", "fallback_sql": null, "fallback_reason": ""}, {"sql": "SELECT setval(pg_get_serial_sequence($convoy${schema}.$convoy$ || ''\"author\"'', ''id''), greatest(last, 1), last >= 1) FROM (SELECT greatest(coalesce(max(\"id\"), 0), 0) AS last FROM {schema}.\"author\") AS t", "kind": "sequence", "name": "author.id", "stage": 1, "state": "created", "table": "author", "reason": "", "adopt_sql": "", "index_sql": "", "source_sql": "", "fallback_sql": null, "fallback_reason": ""}], "create_sql": "CREATE TABLE {schema}.\"author\" (\n    \"id\" integer GENERATED BY DEFAULT AS IDENTITY NOT NULL,\n    \"name\" varchar(40) NOT NULL\n)", "target_name": "author", "source_label": "shop", "target_schema": "shop"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy.tables OVERRIDING SYSTEM VALUE VALUES (2, '01a22c2d-3c20-75dd-87c9-5f218f6c5722', 1, 'book', 150, 12492, '{"key": ["id"], "name": "book", "columns": [{"kind": "int32", "name": "id", "rules": {"integer": "integer_to_int32"}, "reason": "INTEGER as declared", "cast_to": "", "identity": true, "not_null": true, "normalise": [], "default_sql": null, "target_name": "id", "target_type": "integer", "time_example": "", "declared_type": "INTEGER", "generated_sql": null, "computed_there": false, "nul_replacement": null, "source_timezone": null}, {"kind": "int32", "name": "author_id", "rules": {"integer": "integer_to_int32"}, "reason": "INTEGER as declared", "cast_to": "", "identity": false, "not_null": false, "normalise": [], "default_sql": null, "target_name": "author_id", "target_type": "integer", "time_example": "", "declared_type": "INTEGER", "generated_sql": null, "computed_there": false, "nul_replacement": null, "source_timezone": null}, {"kind": "text", "name": "title", "rules": {"text": "text_to_text"}, "reason": "TEXT as declared", "cast_to": "", "identity": false, "not_null": false, "normalise": [], "default_sql": null, "target_name": "title", "target_type": "text", "time_example": "", "declared_type": "TEXT", "generated_sql": null, "computed_there": false, "nul_replacement": null, "source_timezone": null}, {"kind": "numeric", "name": "price", "rules": {"real": "real_to_numeric", "integer": "integer_to_numeric"}, "reason": "NUMERIC as declared", "cast_to": "", "identity": false, "not_null": false, "normalise": [], "default_sql": null, "target_name": "price", "target_type": "numeric", "time_example": "", "declared_type": "NUMERIC", "generated_sql": null, "computed_there": false, "nul_replacement": null, "source_timezone": null}], "objects": [{"sql": "ALTER TABLE {schema}.\"book\" ADD CONSTRAINT \"book_pkey\" PRIMARY KEY (\"id\")", "kind": "primary key", "name": "book_pkey", "stage": 1, "state": "created", "table": "book", "reason": "", "adopt_sql": "ALTER TABLE {schema}.\"book\" ADD CONSTRAINT \"book_pkey\" PRIMARY KEY USING INDEX \"book_pkey\"", "index_sql": "CREATE UNIQUE INDEX \"book_pkey\" ON {schema}.\"book\" (\"id\")", "source_sql": "PRIMARY KEY (id)", "fallback_sql": null, "fallback_reason": ""}, {"sql": "CREATE INDEX \"book_author\" ON {schema}.\"book\" (\"author_id\" NULLS FIRST)", "kind": "index", "name": "book_author", "stage": 1, "state": "created", "table": "book", "reason": "", "adopt_sql": "", "index_sql": "", "source_sql": "CREATE INDEX book_author ON book (author_id)", "fallback_sql": null, "fallback_reason": ""}, {"sql": "SELECT setval(pg_get_serial_sequence($convoy${schema}.$convoy$ || ''\"book\"'', ''id''), greatest(last, 1), last >= 1) FROM (SELECT greatest(coalesce(max(\"id\"), 0), 0) AS last FROM {schema}.\"book\") AS t", "kind": "sequence", "name": "book.id", "stage": 1, "state": "created", "table": "book", "reason": "", "adopt_sql": "", "index_sql": "", "source_sql": "", "fallback_sql": null, "fallback_reason": ""}, {"sql": "ALTER TABLE {schema}.\"book\" ADD CONSTRAINT \"book_author_id_fkey\" FOREIGN KEY (\"author_id\") REFERENCES {schema}.\"author\" (\"id\")", "kind": "foreign key", "name": "book_author_id_fkey", "stage": 2, "state": "created", "table": "book", "reason": "", "adopt_sql": "", "index_sql": "", "source_sql": "FOREIGN KEY (author_id) REFERENCES author (id)", "fallback_sql": "ALTER TABLE {schema}.\"book\" ADD CONSTRAINT \"book_author_id_fkey\" FOREIGN KEY (\"author_id\") REFERENCES {schema}.\"author\" (\"id\") NOT VALID", "fallback_reason": ""}], "create_sql": "CREATE TABLE {schema}.\"book\" (\n    \"id\" integer GENERATED BY DEFAULT AS IDENTITY NOT NULL,\n    \"author_id\" integer,\n    \"title\" text,\n    \"price\" numeric\n)", "target_name": "book", "source_label": "shop", "target_schema": "shop"}', NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (101, 2, 'Title 101 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 25.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (102, 1, 'Title 102 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 25.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (103, 2, 'Title 103 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 25.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (104, 1, 'Title 104 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 26);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (105, 2, 'Title 105 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 26.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (106, 1, 'Title 106 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 26.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (107, 2, 'Title 107 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 26.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (108, 1, 'Title 108 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 27);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (109, 2, 'Title 109 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 27.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (110, 1, 'Title 110 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 27.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (121, 2, 'Title 121 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 30.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (122, 1, 'Title 122 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 30.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (123, 2, 'Title 123 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 30.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (124, 1, 'Title 124 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 31);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (125, 2, 'Title 125 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 31.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (126, 1, 'Title 126 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 31.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (127, 2, 'Title 127 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 31.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (128, 1, 'Title 128 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 32);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (129, 2, 'Title 129 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 32.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (130, 1, 'Title 130 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 32.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (111, 2, 'Title 111 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 27.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (112, 1, 'Title 112 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 28);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (113, 2, 'Title 113 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 28.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (114, 1, 'Title 114 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 28.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (115, 2, 'Title 115 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 28.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (116, 1, 'Title 116 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 29);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (117, 2, 'Title 117 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 29.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (118, 1, 'Title 118 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 29.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (119, 2, 'Title 119 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 29.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (120, 1, 'Title 120 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 30);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (131, 2, 'Title 131 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 32.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (132, 1, 'Title 132 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 33);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (133, 2, 'Title 133 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 33.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (134, 1, 'Title 134 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 33.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (135, 2, 'Title 135 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 33.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (136, 1, 'Title 136 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 34);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (137, 2, 'Title 137 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 34.25);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (138, 1, 'Title 138 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 34.5);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (139, 2, 'Title 139 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 34.75);
INSERT INTO convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book VALUES (140, 1, 'Title 140 xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', 35);
SELECT pg_catalog.setval('convoy.chunks_id_seq', 16, true);
SELECT pg_catalog.setval('convoy.events_id_seq', 8, true);
SELECT pg_catalog.setval('convoy.findings_id_seq', 1, false);
SELECT pg_catalog.setval('convoy.objects_id_seq', 2, true);
SELECT pg_catalog.setval('convoy.quarantine_id_seq', 1, false);
SELECT pg_catalog.setval('convoy.sources_id_seq', 1, true);
SELECT pg_catalog.setval('convoy.steps_id_seq', 32, true);
SELECT pg_catalog.setval('convoy.tables_id_seq', 2, true);
SELECT pg_catalog.setval('convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.author_id_seq', 1, false);
SELECT pg_catalog.setval('convoy_01a22c2d3c2075dd87c95f218f6c5722_staging.book_id_seq', 1, false);
ALTER TABLE ONLY convoy.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY convoy.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.chunks
    ADD CONSTRAINT chunks_table_id_position_key UNIQUE (table_id, "position");
ALTER TABLE ONLY convoy.columns
    ADD CONSTRAINT columns_pkey PRIMARY KEY (table_id, name);
ALTER TABLE ONLY convoy.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.findings
    ADD CONSTRAINT findings_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.objects
    ADD CONSTRAINT objects_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.objects
    ADD CONSTRAINT objects_run_id_kind_owner_name_key UNIQUE (run_id, kind, owner, name);
ALTER TABLE ONLY convoy.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.run_service
    ADD CONSTRAINT run_service_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY convoy.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.sources
    ADD CONSTRAINT sources_run_id_label_key UNIQUE (run_id, label);
ALTER TABLE ONLY convoy.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.tables
    ADD CONSTRAINT tables_pkey PRIMARY KEY (id);
ALTER TABLE ONLY convoy.tables
    ADD CONSTRAINT tables_source_id_name_key UNIQUE (source_id, name);
ALTER TABLE ONLY convoy.transforms
    ADD CONSTRAINT transforms_pkey PRIMARY KEY (chunk_id, "column", transform);
CREATE INDEX chunks_run ON convoy.chunks USING btree (run_id, state);
CREATE INDEX events_run ON convoy.events USING btree (run_id, id);
CREATE INDEX findings_run ON convoy.findings USING btree (run_id);
CREATE INDEX quarantine_run ON convoy.quarantine USING btree (run_id);
CREATE INDEX runs_working ON convoy.runs USING btree (id) WHERE (phase = ANY (ARRAY['profiling'::text, 'copying'::text, 'indexing'::text, 'validating'::text]));
CREATE INDEX steps_open ON convoy.steps USING btree (run_id, phase, state);
CREATE INDEX steps_running ON convoy.steps USING btree (run_id) WHERE (state = 'running'::text);
CREATE INDEX steps_sent ON convoy.steps USING btree (run_id, phase, weight DESC, id) WHERE ((state = 'pending'::text) AND (sent_at IS NOT NULL));
ALTER TABLE ONLY convoy.chunks
    ADD CONSTRAINT chunks_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.chunks
    ADD CONSTRAINT chunks_table_id_fkey FOREIGN KEY (table_id) REFERENCES convoy.tables(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.columns
    ADD CONSTRAINT columns_table_id_fkey FOREIGN KEY (table_id) REFERENCES convoy.tables(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.events
    ADD CONSTRAINT events_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.findings
    ADD CONSTRAINT findings_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.objects
    ADD CONSTRAINT objects_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.quarantine
    ADD CONSTRAINT quarantine_chunk_id_fkey FOREIGN KEY (chunk_id) REFERENCES convoy.chunks(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.quarantine
    ADD CONSTRAINT quarantine_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.quarantine
    ADD CONSTRAINT quarantine_table_id_fkey FOREIGN KEY (table_id) REFERENCES convoy.tables(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.run_service
    ADD CONSTRAINT run_service_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.sources
    ADD CONSTRAINT sources_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.steps
    ADD CONSTRAINT steps_chunk_id_fkey FOREIGN KEY (chunk_id) REFERENCES convoy.chunks(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.steps
    ADD CONSTRAINT steps_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.steps
    ADD CONSTRAINT steps_table_id_fkey FOREIGN KEY (table_id) REFERENCES convoy.tables(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.tables
    ADD CONSTRAINT tables_run_id_fkey FOREIGN KEY (run_id) REFERENCES convoy.runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.tables
    ADD CONSTRAINT tables_source_id_fkey FOREIGN KEY (source_id) REFERENCES convoy.sources(id) ON DELETE CASCADE;
ALTER TABLE ONLY convoy.transforms
    ADD CONSTRAINT transforms_chunk_id_fkey FOREIGN KEY (chunk_id) REFERENCES convoy.chunks(id) ON DELETE CASCADE;
