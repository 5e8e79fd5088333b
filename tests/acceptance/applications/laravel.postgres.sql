-- Laravel, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE migrations (id serial PRIMARY KEY, migration varchar(255) NOT NULL, batch integer NOT NULL);
INSERT INTO migrations VALUES (1, '0001_01_01_000000_create_users_table', 1);
CREATE TABLE users (id bigserial PRIMARY KEY, name varchar(255) NOT NULL, email varchar(255) NOT NULL UNIQUE,
    email_verified_at timestamp(0), password varchar(255) NOT NULL, remember_token varchar(100),
    created_at timestamp(0), is_admin boolean NOT NULL DEFAULT false);
CREATE TABLE sessions (id varchar(255) PRIMARY KEY, user_id bigint, payload text NOT NULL, last_activity integer NOT NULL);
CREATE TABLE cache (key varchar(255) PRIMARY KEY, value text NOT NULL, expiration integer NOT NULL);
