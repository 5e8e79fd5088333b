-- Directus, as it lies in SQLite: in own words, and in part. A default writes times as text, Knex as milliseconds.
CREATE TABLE directus_migrations (version varchar(255) NOT NULL PRIMARY KEY, name varchar(255) NOT NULL,
    timestamp datetime DEFAULT CURRENT_TIMESTAMP);
INSERT INTO directus_migrations VALUES ('20201028A', 'Remove Collection Foreign Keys', '2024-06-25 14:34:38');
CREATE TABLE directus_roles (id char(36) NOT NULL PRIMARY KEY, name varchar(100) NOT NULL, description text);
INSERT INTO directus_roles VALUES ('0a0b0c0d-0e0f-4011-9213-141516171819', 'Administrator', '$t:admin_description');
CREATE TABLE directus_users (id char(36) NOT NULL PRIMARY KEY, email varchar(128) UNIQUE, password varchar(255), tags json,
    avatar char(36), status varchar(16) NOT NULL DEFAULT 'active', role char(36), last_access datetime,
    FOREIGN KEY (role) REFERENCES directus_roles (id) ON DELETE SET NULL);
INSERT INTO directus_users VALUES ('1a0b0c0d-0e0f-4011-9213-141516171819', 'ada@example.org', '$argon2id$', '["a"]', NULL,
    'active', '0a0b0c0d-0e0f-4011-9213-141516171819', 1719326078574);
CREATE TABLE directus_fields (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, collection varchar(64) NOT NULL,
    field varchar(64) NOT NULL, options json, readonly boolean NOT NULL DEFAULT '0', hidden boolean NOT NULL DEFAULT '0',
    sort integer);
INSERT INTO directus_fields VALUES (1, 'posts', 'title', '{"trim":true}', 0, 1, NULL), (2, 'posts', 'id', NULL, 1, 1, 1);
CREATE TABLE directus_activity (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, action varchar(45) NOT NULL, user char(36),
    timestamp datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, collection varchar(64) NOT NULL, item varchar(255) NOT NULL);
INSERT INTO directus_activity VALUES (1, 'login', '1a0b0c0d-0e0f-4011-9213-141516171819', '2024-06-25 14:34:38',
    'directus_users', '1a0b0c0d-0e0f-4011-9213-141516171819'), (2, 'create', NULL, 1719326078574, 'posts', '5');
CREATE TABLE directus_files (id char(36) NOT NULL PRIMARY KEY, filename_download varchar(255) NOT NULL, filesize bigint,
    uploaded_on datetime NOT NULL DEFAULT CURRENT_TIMESTAMP, metadata json);
INSERT INTO directus_files VALUES ('2a0b0c0d-0e0f-4011-9213-141516171819', 'a.png', 5000000000, '2024-06-25 14:34:38', '{}');
CREATE TABLE posts (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, title varchar(255), user_created char(36), price float,
    published boolean, day date, opens time, date_created datetime,
    FOREIGN KEY (user_created) REFERENCES directus_users (id));
INSERT INTO posts VALUES (5, 'Über', '1a0b0c0d-0e0f-4011-9213-141516171819', 0.1, 1, '2024-06-25', '09:30:00', 1719326078574);
CREATE TABLE directus_sessions (token varchar(64) NOT NULL PRIMARY KEY, user char(36), expires datetime NOT NULL);
INSERT INTO directus_sessions VALUES ('t', '1a0b0c0d-0e0f-4011-9213-141516171819', 1719326078574);
