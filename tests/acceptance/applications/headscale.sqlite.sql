-- Headscale, as it lies in SQLite: in own words, and in part. GORM's booleans are NUMERIC, and its times have nine decimals.
CREATE TABLE migrations (id text, PRIMARY KEY (id));
INSERT INTO migrations VALUES ('SCHEMA_INIT'), ('202505141324'), ('202511011637-preauthkey-bcrypt');
CREATE TABLE database_versions (id integer PRIMARY KEY AUTOINCREMENT, version text NOT NULL, updated_at datetime);
INSERT INTO database_versions VALUES (1, 'v0.29.3', '2024-06-25 14:34:38.574204895+00:00');
CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT, created_at datetime, deleted_at datetime, name text, email text,
    provider_identifier text);
CREATE UNIQUE INDEX idx_name_no_provider_identifier ON users (name) WHERE provider_identifier IS NULL;
INSERT INTO users VALUES (1, '2024-06-25 14:34:38.574204895+00:00', NULL, 'ada', '', NULL);
CREATE TABLE pre_auth_keys (id integer PRIMARY KEY AUTOINCREMENT, "key" text, prefix text, hash blob, user_id integer,
    reusable numeric, ephemeral numeric DEFAULT false, used numeric DEFAULT false, tags text, created_at datetime,
    expiration datetime, CONSTRAINT fk_pre_auth_keys_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE SET NULL);
INSERT INTO pre_auth_keys VALUES (1, '', 'H3XVw1W', x'243261243130', 1, 1, 0, 0, '[]', '2024-06-25 14:34:38.574204895+00:00',
    '0001-01-01 00:00:00+00:00'), (2, 'plain', NULL, NULL, NULL, 0, 1, 1, '["tag:server"]', '2024-06-25 16:34:38+02:00', NULL);
CREATE TABLE api_keys (id integer PRIMARY KEY AUTOINCREMENT, prefix text, hash blob, created_at datetime, last_seen datetime);
INSERT INTO api_keys VALUES (1, 'ZRVzG0v', x'24326124', '2024-06-25 14:34:38.574204+00:00', NULL);
CREATE TABLE nodes (id integer PRIMARY KEY AUTOINCREMENT, machine_key text, endpoints text, host_info text, ipv4 text, ipv6 text,
    hostname text, given_name varchar(63), user_id integer, tags text, auth_key_id integer, expiry datetime,
    approved_routes text, CONSTRAINT fk_nodes_user FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT fk_nodes_auth_key FOREIGN KEY (auth_key_id) REFERENCES pre_auth_keys (id));
INSERT INTO nodes VALUES (6, 'mkey:a0ab', '[]', '{}', '100.64.0.1', 'fd7a:115c:a1e0::1', 'node1', 'node1', 1, '[]', 1, NULL,
    '["10.0.0.0/8"]');
