-- Kanboard, as it lies in SQLite: in own words, and in part. The version of the schema is PRAGMA user_version.
PRAGMA user_version = 128;
CREATE TABLE settings ("option" TEXT PRIMARY KEY, value TEXT, changed_by INTEGER DEFAULT 0 NOT NULL,
    changed_on INTEGER DEFAULT 0 NOT NULL);
INSERT INTO settings VALUES ('application_timezone', 'Europe/Berlin', 1, 1719326078), ('webhook_token', 'old', 0, 0);
CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT NOT NULL, password TEXT, is_ldap_user INTEGER DEFAULT 0, name TEXT,
    notifications_enabled INTEGER DEFAULT '0', twofactor_activated INTEGER DEFAULT 0, twofactor_secret TEXT,
    role TEXT NOT NULL DEFAULT 'app-user', is_active INTEGER DEFAULT 1);
INSERT INTO users VALUES (1, 'admin', '$2y$10$x', 0, 'Ada', 0, 1, 'JBSWY3DPEHPK3PXP', 'app-admin', 1),
    (2, 'bob', NULL, 1, NULL, NULL, 0, NULL, 'app-user', 0);
CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT NOCASE NOT NULL, is_active INTEGER DEFAULT 1, token TEXT,
    last_modified INTEGER DEFAULT 0, is_public INTEGER DEFAULT "0", is_private INTEGER DEFAULT "0",
    start_date TEXT DEFAULT '', owner_id INTEGER DEFAULT "0");
INSERT INTO projects (id, name, token) VALUES (1, 'Garden', '');
CREATE TABLE columns (id INTEGER PRIMARY KEY, title TEXT NOT NULL, position INTEGER, project_id INTEGER NOT NULL,
    task_limit INTEGER DEFAULT '0', hide_in_dashboard INTEGER DEFAULT 0 NOT NULL,
    FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE, UNIQUE (title, project_id));
INSERT INTO columns VALUES (1, 'Backlog', 1, 1, 0, 0);
CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT NOCASE NOT NULL, description TEXT, date_creation INTEGER,
    project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE, column_id INTEGER REFERENCES columns (id) ON DELETE CASCADE,
    is_active INTEGER DEFAULT 1, date_due INTEGER, time_spent NUMERIC DEFAULT 0, reference TEXT DEFAULT '');
INSERT INTO tasks VALUES (1, 'Dig', '', 1719326078, 1, 1, 1, 0, 1.25, ''), (2, 'Sow', NULL, 1719326078, 1, 1, 0, NULL, 3, '7');
CREATE TABLE project_has_files (id INTEGER PRIMARY KEY, project_id INTEGER NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL,
    is_image INTEGER DEFAULT 0, size INTEGER DEFAULT 0 NOT NULL,
    FOREIGN KEY (project_id) REFERENCES projects (id) ON DELETE CASCADE);
INSERT INTO project_has_files VALUES (1, 1, 'a.png', 'projects/1/abc', 1, 12);
CREATE TABLE sessions (id TEXT PRIMARY KEY, expire_at INTEGER NOT NULL, data TEXT DEFAULT '');
INSERT INTO sessions VALUES ('s', 1719326078, 'x');
CREATE TABLE plugin_schema_versions (plugin TEXT NOT NULL PRIMARY KEY, version INTEGER NOT NULL DEFAULT 0);
INSERT INTO plugin_schema_versions VALUES ('calendar', 1);
