-- Laravel, as it lies in SQLite: in own words, and in part.
CREATE TABLE migrations (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, migration VARCHAR NOT NULL, batch INTEGER NOT NULL);
INSERT INTO migrations VALUES (1, '0001_01_01_000000_create_users_table', 4);
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name VARCHAR NOT NULL, email VARCHAR NOT NULL,
    email_verified_at DATETIME, password VARCHAR NOT NULL, remember_token VARCHAR, created_at DATETIME,
    is_admin TINYINT(1) NOT NULL DEFAULT 0);
INSERT INTO users VALUES (1, 'Ada', 'ada@example.org', '2024-06-25 14:34:38', '$2y$12$x', NULL, '2024-06-25 14:34:38', 1);
CREATE TABLE sessions (id VARCHAR NOT NULL PRIMARY KEY, user_id INTEGER, payload TEXT NOT NULL, last_activity INTEGER NOT NULL);
INSERT INTO sessions VALUES ('s', 1, 'YTo=', 1719326078);
CREATE TABLE cache (key VARCHAR NOT NULL PRIMARY KEY, value TEXT NOT NULL, expiration INTEGER NOT NULL);
INSERT INTO cache VALUES ('k', x'00ff', 1719326078);
