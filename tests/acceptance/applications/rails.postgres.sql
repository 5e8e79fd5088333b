-- Ruby on Rails, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE schema_migrations (version varchar PRIMARY KEY);
INSERT INTO schema_migrations VALUES ('20240101000000');
CREATE TABLE ar_internal_metadata (key varchar PRIMARY KEY, value varchar, created_at timestamp(6) NOT NULL);
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', now());
CREATE TABLE posts (id bigserial PRIMARY KEY, title varchar, body text, published boolean DEFAULT false,
    price numeric(10,2), opens time, settings jsonb, created_at timestamp(6) NOT NULL);
