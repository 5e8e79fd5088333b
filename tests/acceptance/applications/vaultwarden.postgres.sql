-- Vaultwarden, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY, run_on timestamp NOT NULL DEFAULT now());
INSERT INTO __diesel_schema_migrations (version) VALUES ('20190912100000');
CREATE TABLE users (uuid char(36) PRIMARY KEY, enabled boolean NOT NULL DEFAULT true, created_at timestamp NOT NULL,
    email text NOT NULL UNIQUE, password_hash bytea NOT NULL, salt bytea NOT NULL,
    password_iterations integer NOT NULL, akey text NOT NULL);
ALTER TABLE users ALTER uuid TYPE varchar(40);
CREATE TABLE ciphers (uuid varchar(40) PRIMARY KEY, created_at timestamp NOT NULL,
    user_uuid varchar(40) REFERENCES users (uuid), atype integer NOT NULL, name text NOT NULL, data text NOT NULL,
    deleted_at timestamp, reprompt integer);
CREATE TABLE attachments (id text PRIMARY KEY, cipher_uuid varchar(40) NOT NULL REFERENCES ciphers (uuid),
    file_name text NOT NULL, file_size bigint NOT NULL);
CREATE TABLE twofactor (uuid varchar(40) PRIMARY KEY, user_uuid varchar(40) NOT NULL REFERENCES users (uuid),
    enabled boolean NOT NULL, last_used bigint NOT NULL);
