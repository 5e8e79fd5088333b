-- Wiki.js 2, as it lies in SQLite: in own words, and in part. Its book of migrations is Knex's, under a name of its own.
CREATE TABLE migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(255), batch integer,
    migration_time datetime);
INSERT INTO migrations VALUES (1, '2.0.0.js', 1, 1719326078574), (2, '2.3.14.js', 1, 1719326078580), (3, '2.5.128.js', 1, 1719326078590);
CREATE TABLE migrations_lock ("index" integer NOT NULL PRIMARY KEY AUTOINCREMENT, is_locked integer);
INSERT INTO migrations_lock VALUES (1, 0);
CREATE TABLE locales (code varchar(5) NOT NULL PRIMARY KEY, strings json, isRTL boolean NOT NULL DEFAULT '0',
    name varchar(255) NOT NULL);
INSERT INTO locales VALUES ('en', '{"common":{"a":"b"}}', 0, 'English');
CREATE TABLE users (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, email varchar(255) NOT NULL, name varchar(255) NOT NULL,
    password varchar(255), tfaIsActive boolean NOT NULL DEFAULT '0', isSystem boolean NOT NULL DEFAULT '0',
    createdAt varchar(255) NOT NULL, localeCode varchar(5) NOT NULL DEFAULT 'en' REFERENCES locales (code));
INSERT INTO users VALUES (1, 'ada@example.org', 'Ada', '$2a$', 1, 0, '2024-06-25T14:34:38.574Z', 'en'),
    (2, 'guest@example.com', 'Guest', NULL, 0, 1, '2024-06-25T14:34:38.574Z', 'en');
CREATE TABLE groups (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(255) NOT NULL, permissions json NOT NULL,
    pageRules json NOT NULL, isSystem boolean NOT NULL DEFAULT '0');
INSERT INTO groups VALUES (1, 'Administrators', '["manage:system"]', '[]', 1);
CREATE TABLE pages (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, path varchar(255) NOT NULL, hash varchar(255) NOT NULL,
    title varchar(255) NOT NULL, isPublished boolean NOT NULL DEFAULT '0', content text, render text, toc json,
    createdAt varchar(255) NOT NULL, authorId integer REFERENCES users (id), extra json NOT NULL DEFAULT '{}');
INSERT INTO pages VALUES (3, 'home', 'b29b', 'Home', 1, '# Ä', '<h1>Ä</h1>', '[{"title":"Ä","anchor":"#a","children":[]}]',
    '2024-06-25T14:34:38.574Z', 1, '{"js":"","css":""}');
CREATE TABLE pageTree (id integer NOT NULL PRIMARY KEY, path varchar(255) NOT NULL, depth integer NOT NULL,
    isFolder boolean NOT NULL DEFAULT '0', parent integer REFERENCES pageTree (id) ON DELETE CASCADE,
    pageId integer REFERENCES pages (id) ON DELETE CASCADE, ancestors json);
INSERT INTO pageTree VALUES (1, 'a/home', 2, 0, 2, 3, '[2]'), (2, 'a', 1, 1, NULL, NULL, '[]');
CREATE TABLE assets (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, filename varchar(255) NOT NULL,
    kind text CHECK (kind IN ('binary', 'image')) NOT NULL DEFAULT 'binary', fileSize integer, metadata json);
INSERT INTO assets VALUES (1, 'a.png', 'image', 12, '{}');
CREATE TABLE assetData (id integer NOT NULL PRIMARY KEY, data blob NOT NULL);
INSERT INTO assetData VALUES (1, x'89504e470d0a00ff');
CREATE TABLE settings (key varchar(255) NOT NULL PRIMARY KEY, value json, updatedAt varchar(255) NOT NULL);
INSERT INTO settings VALUES ('setup', '{"v":true}', '2024-06-25T14:34:38.574Z');
CREATE TABLE sessions (sid varchar(255) NOT NULL PRIMARY KEY, sess json NOT NULL, expired datetime NOT NULL);
INSERT INTO sessions VALUES ('s', '{}', '2024-06-25T14:34:38.574Z');
CREATE TABLE brute (key varchar(255), firstRequest bigint, lastRequest bigint, lifetime bigint, count integer);
INSERT INTO brute VALUES ('k', 1719326078574, 1719326078574, 1719326078574, 1);
