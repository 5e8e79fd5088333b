-- Vikunja, as it lies in SQLite: in own words, and in part. Booleans are INTEGER to xorm, JSON is TEXT.
CREATE TABLE migration (id TEXT PRIMARY KEY NOT NULL, description TEXT NULL);
INSERT INTO migration VALUES ('SCHEMA_INIT', ''), ('20190324205606', '');
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT NULL, username TEXT NOT NULL, password TEXT NULL,
    status INTEGER DEFAULT 0 NULL, is_admin INTEGER DEFAULT false NOT NULL, email_reminders_enabled INTEGER DEFAULT true NULL,
    overdue_tasks_reminders_time TEXT DEFAULT '09:00' NOT NULL, deletion_scheduled_at DATETIME NULL,
    frontend_settings TEXT NULL, created DATETIME NOT NULL, updated DATETIME NOT NULL);
CREATE UNIQUE INDEX UQE_users_username ON users (username);
INSERT INTO users VALUES (1, '', 'ada', '$2a$', 0, 1, 0, '09:00', NULL, '{"color_schema":"dark"}', '2024-06-25 14:34:38',
    '2024-06-25 14:34:38'), (2, NULL, 'bob', '$2a$', 2, 0, 1, '21:30', '2024-07-01 00:00:00', 'null', '2024-06-25 14:34:38',
    '2024-06-25 14:34:38');
CREATE TABLE projects (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, title TEXT NOT NULL, description TEXT NULL,
    identifier TEXT NULL, owner_id INTEGER NOT NULL, parent_project_id INTEGER NULL, is_archived INTEGER DEFAULT false NOT NULL,
    position REAL NULL, created DATETIME NOT NULL, updated DATETIME NOT NULL);
INSERT INTO projects VALUES (1, 'Inbox', '<p>Ä</p>', '', 1, 0, 0, 65536, '2024-06-25 14:34:38', '2024-06-25 14:34:38');
CREATE TABLE tasks (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, title TEXT NOT NULL, description TEXT NULL,
    done INTEGER NULL, done_at DATETIME NULL, due_date DATETIME NULL, project_id INTEGER NOT NULL, repeat_after INTEGER NULL,
    priority INTEGER NULL, hex_color TEXT NULL, percent_done REAL NULL, "index" INTEGER DEFAULT 0 NOT NULL, uid TEXT NULL,
    created DATETIME NOT NULL, updated DATETIME NOT NULL, created_by_id INTEGER NOT NULL);
CREATE UNIQUE INDEX UQE_tasks_tasks_project_index ON tasks (project_id, "index");
INSERT INTO tasks VALUES (5, 'Move', '', 1, '2024-06-25 14:34:38', '2024-06-26 00:00:00', 1, 86400, 3, 'e8e8e8', 0.5, 1, 'u-1',
    '2024-06-25 14:34:38', '2024-06-25 14:34:38', 1), (6, 'Rest', '', NULL, NULL, '0001-01-01 00:00:00', 1, 0, 0, '', 0, 2, '',
    '2024-06-25 14:34:38', '2024-06-25 14:34:38', 1);
CREATE TABLE project_views (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, title TEXT NOT NULL, project_id INTEGER NOT NULL,
    view_kind INTEGER NOT NULL, filter TEXT DEFAULT null NULL, position REAL NULL, bucket_configuration TEXT NULL);
INSERT INTO project_views VALUES (1, 'Kanban', 1, 3, '{"filter":"done = false","s":""}', 100, 'null');
CREATE TABLE task_positions (task_id INTEGER NOT NULL, project_view_id INTEGER NOT NULL, position REAL NOT NULL);
INSERT INTO task_positions VALUES (5, 1, 65536), (6, 1, 98304.5);
CREATE TABLE sessions (id TEXT PRIMARY KEY NOT NULL, user_id INTEGER NOT NULL, token_hash TEXT NOT NULL,
    is_long_session INTEGER DEFAULT false NOT NULL, last_active DATETIME NOT NULL);
INSERT INTO sessions VALUES ('0a0b0c0d-0e0f-1011-1213-141516171819', 1, 'h', 1, '2024-06-25 14:34:38');
