-- Vaultwarden, as it lies in SQLite: in own words, and in part.
CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL);
INSERT INTO __diesel_schema_migrations VALUES ('20180101', '2024-01-01 00:00:00');
CREATE TABLE users (uuid TEXT NOT NULL PRIMARY KEY, enabled BOOLEAN NOT NULL DEFAULT 1,
    created_at DATETIME NOT NULL, email TEXT NOT NULL UNIQUE, password_hash BLOB NOT NULL, salt BLOB NOT NULL,
    password_iterations INTEGER NOT NULL, akey TEXT NOT NULL);
INSERT INTO users VALUES ('b7a4', 1, '2024-06-25 14:34:38.574204000', 'a@example.org', x'00ff10', x'0102',
    600000, '2.k|e|y');
CREATE TABLE ciphers (uuid TEXT NOT NULL PRIMARY KEY, created_at DATETIME NOT NULL,
    user_uuid TEXT REFERENCES users (uuid), atype INTEGER NOT NULL, name TEXT NOT NULL, data TEXT NOT NULL,
    deleted_at DATETIME, reprompt INTEGER);
INSERT INTO ciphers VALUES ('c1', '2024-06-25 14:34:38.000000001', 'b7a4', 1, '2.n', '{"uri": null}', NULL, 0),
    ('c2', '2024-06-25 14:34:39', 'b7a4', 2, '2.m', '{}', '2024-07-01 00:00:00.5', NULL);
CREATE TABLE attachments (id TEXT NOT NULL PRIMARY KEY, cipher_uuid TEXT NOT NULL REFERENCES ciphers (uuid),
    file_name TEXT NOT NULL, file_size INTEGER NOT NULL);
INSERT INTO attachments VALUES ('a1', 'c1', '2.f', 5000000000);
CREATE TABLE twofactor (uuid TEXT NOT NULL PRIMARY KEY, user_uuid TEXT NOT NULL REFERENCES users (uuid),
    enabled BOOLEAN NOT NULL, last_used INTEGER NOT NULL DEFAULT 0);
INSERT INTO twofactor VALUES ('t1', 'b7a4', 0, 57311234);
