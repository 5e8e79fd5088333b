-- Grafana, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE migration_log (id serial PRIMARY KEY, migration_id varchar(255) NOT NULL, sql text NOT NULL,
    success boolean NOT NULL, error text NOT NULL, timestamp timestamp NOT NULL);
INSERT INTO migration_log VALUES (1, 'create user table', 'CREATE TABLE IF NOT EXISTS "user"', true, '', now());
CREATE TABLE "user" (id serial PRIMARY KEY, version integer NOT NULL, login varchar(190) NOT NULL UNIQUE,
    email varchar(190) NOT NULL, name varchar(255), is_admin boolean NOT NULL, created timestamp NOT NULL,
    email_verified boolean);
INSERT INTO "user" VALUES (1, 0, 'admin', 'admin@localhost', '', true, now(), false);
CREATE TABLE dashboard (id serial PRIMARY KEY, slug varchar(189) NOT NULL, title varchar(189) NOT NULL,
    data text NOT NULL, org_id bigint NOT NULL, has_acl boolean NOT NULL DEFAULT false, deleted timestamp);
CREATE TABLE data_source (id serial PRIMARY KEY, name varchar(190) NOT NULL, is_default boolean NOT NULL);
CREATE TABLE user_auth_token (id serial PRIMARY KEY, user_id bigint NOT NULL);
