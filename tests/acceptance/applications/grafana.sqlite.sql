-- Grafana, as it lies in SQLite: in own words, and in part.
CREATE TABLE migration_log (id INTEGER PRIMARY KEY AUTOINCREMENT, migration_id TEXT NOT NULL, sql TEXT NOT NULL,
    success INTEGER NOT NULL, error TEXT NOT NULL, timestamp DATETIME NOT NULL);
INSERT INTO migration_log VALUES (1, 'create user table', 'CREATE TABLE IF NOT EXISTS `user`', 1, '', '2024-01-01 00:00:00');
CREATE TABLE user (id INTEGER PRIMARY KEY AUTOINCREMENT, version INTEGER NOT NULL, login TEXT NOT NULL,
    email TEXT NOT NULL, name TEXT, is_admin INTEGER NOT NULL, created DATETIME NOT NULL, email_verified INTEGER);
INSERT INTO user VALUES (1, 0, 'admin', 'admin@localhost', NULL, 1, '2024-06-25 14:34:38', NULL),
    (2, 3, 'viewer', 'v@example.org', 'Vera', 0, '2024-06-25 14:34:38', 0);
CREATE TABLE dashboard (id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL, title TEXT NOT NULL,
    data TEXT NOT NULL, org_id INTEGER NOT NULL, has_acl INTEGER NOT NULL DEFAULT 0, deleted DATETIME);
INSERT INTO dashboard VALUES (1, 'home', 'Home', '{"panels": []}', 1, 1, NULL);
CREATE TABLE data_source (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, is_default INTEGER NOT NULL);
INSERT INTO data_source VALUES (1, 'prometheus', 1);
CREATE TABLE user_auth_token (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL);
INSERT INTO user_auth_token VALUES (1, 1);
