-- Ruby on Rails, as it lies in SQLite: in own words, and in part.
CREATE TABLE schema_migrations (version VARCHAR NOT NULL PRIMARY KEY);
INSERT INTO schema_migrations VALUES ('20240101000000');
CREATE TABLE ar_internal_metadata (key VARCHAR NOT NULL PRIMARY KEY, value VARCHAR, created_at DATETIME(6) NOT NULL);
INSERT INTO ar_internal_metadata VALUES ('environment', 'development', '2024-01-01 00:00:00.000000');
CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, title VARCHAR, body TEXT, published BOOLEAN DEFAULT 0,
    price DECIMAL(10,2), opens TIME, settings JSON, created_at DATETIME(6) NOT NULL);
INSERT INTO posts VALUES (3, 'Über', '', 1, 12.5, '2000-01-01 09:30:00', '{"a":[1]}', '2024-06-25 14:34:38.574204');
