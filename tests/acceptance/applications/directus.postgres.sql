-- Directus, as its bootstrap and a snapshot of the data model leave PostgreSQL: in own words, and in part.
CREATE TABLE directus_migrations (version varchar(255) PRIMARY KEY, name varchar(255) NOT NULL,
    timestamp timestamptz DEFAULT CURRENT_TIMESTAMP);
INSERT INTO directus_migrations VALUES ('20201028A', 'Remove Collection Foreign Keys');
CREATE TABLE directus_roles (id uuid PRIMARY KEY, name varchar(100) NOT NULL, description text);
INSERT INTO directus_roles VALUES ('ffffffff-0000-4000-8000-000000000001', 'Administrator');
CREATE TABLE directus_users (id uuid PRIMARY KEY, email varchar(128) UNIQUE, password varchar(255), tags json, avatar uuid,
    status varchar(16) NOT NULL DEFAULT 'active', role uuid REFERENCES directus_roles (id) ON DELETE SET NULL,
    last_access timestamptz);
INSERT INTO directus_users (id, email, role) VALUES ('ffffffff-0000-4000-8000-000000000002', 'admin@example.com',
    'ffffffff-0000-4000-8000-000000000001');
CREATE TABLE directus_fields (id serial PRIMARY KEY, collection varchar(64) NOT NULL, field varchar(64) NOT NULL, options json,
    readonly boolean NOT NULL DEFAULT false, hidden boolean NOT NULL DEFAULT false, sort integer);
INSERT INTO directus_fields (collection, field) VALUES ('posts', 'id');
CREATE TABLE directus_activity (id serial PRIMARY KEY, action varchar(45) NOT NULL, "user" uuid,
    timestamp timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, collection varchar(64) NOT NULL, item varchar(255) NOT NULL);
CREATE TABLE directus_files (id uuid PRIMARY KEY, filename_download varchar(255) NOT NULL, filesize bigint,
    uploaded_on timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP, metadata json);
CREATE TABLE posts (id serial PRIMARY KEY, title varchar(255), user_created uuid REFERENCES directus_users (id), price real,
    published boolean, day date, opens time, date_created timestamptz);
CREATE TABLE directus_sessions (token varchar(64) PRIMARY KEY, "user" uuid, expires timestamptz NOT NULL);
