-- Headscale, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE migrations (id varchar(255) PRIMARY KEY);
INSERT INTO migrations VALUES ('SCHEMA_INIT'), ('202505141324'), ('202511011637-preauthkey-bcrypt');
CREATE TABLE database_versions (id bigserial PRIMARY KEY, version text NOT NULL, updated_at timestamptz);
INSERT INTO database_versions (version) VALUES ('v0.29.3');
CREATE TABLE users (id bigserial PRIMARY KEY, created_at timestamptz, deleted_at timestamptz, name text, email text,
    provider_identifier text);
CREATE UNIQUE INDEX idx_name_no_provider_identifier ON users (name) WHERE provider_identifier IS NULL;
CREATE TABLE pre_auth_keys (id bigserial PRIMARY KEY, key text, prefix text, hash bytea, user_id bigint
    CONSTRAINT fk_pre_auth_keys_user REFERENCES users (id) ON DELETE SET NULL, reusable boolean, ephemeral boolean DEFAULT false,
    used boolean DEFAULT false, tags text, created_at timestamptz, expiration timestamptz);
CREATE TABLE api_keys (id bigserial PRIMARY KEY, prefix text, hash bytea, created_at timestamptz, last_seen timestamptz);
CREATE TABLE nodes (id bigserial PRIMARY KEY, machine_key text, endpoints text, host_info text, ipv4 text, ipv6 text,
    hostname text, given_name varchar(63), user_id bigint CONSTRAINT fk_nodes_user REFERENCES users (id) ON DELETE CASCADE,
    tags text, auth_key_id bigint CONSTRAINT fk_nodes_auth_key REFERENCES pre_auth_keys (id), expiry timestamptz,
    approved_routes text);
