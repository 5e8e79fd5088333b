-- Wiki.js 2, as its own migrations leave PostgreSQL before its setup is run: in own words, and in part.
CREATE TABLE migrations (id serial PRIMARY KEY, name varchar(255), batch integer, migration_time timestamptz);
INSERT INTO migrations (name, batch, migration_time) VALUES ('2.0.0.js', 1, now()), ('2.1.85.js', 1, now()),
    ('2.4.14.js', 1, now()), ('2.5.128.js', 1, now());
CREATE TABLE migrations_lock ("index" serial PRIMARY KEY, is_locked integer);
INSERT INTO migrations_lock (is_locked) VALUES (0);
CREATE TABLE locales (code varchar(5) PRIMARY KEY, strings json, "isRTL" boolean NOT NULL DEFAULT false, name varchar(255) NOT NULL);
CREATE TABLE users (id serial PRIMARY KEY, email varchar(255) NOT NULL, name varchar(255) NOT NULL, password varchar(255),
    "tfaIsActive" boolean NOT NULL DEFAULT false, "isSystem" boolean NOT NULL DEFAULT false, "createdAt" varchar(255) NOT NULL,
    "localeCode" varchar(5) NOT NULL DEFAULT 'en' REFERENCES locales (code));
CREATE TABLE groups (id serial PRIMARY KEY, name varchar(255) NOT NULL, permissions json NOT NULL, "pageRules" json NOT NULL,
    "isSystem" boolean NOT NULL DEFAULT false);
CREATE TABLE pages (id serial PRIMARY KEY, path varchar(255) NOT NULL, hash varchar(255) NOT NULL, title varchar(255) NOT NULL,
    "isPublished" boolean NOT NULL DEFAULT false, content text, render text, toc json, "createdAt" varchar(255) NOT NULL,
    "authorId" integer REFERENCES users (id), extra json NOT NULL DEFAULT '{}');
CREATE TABLE "pageTree" (id integer PRIMARY KEY, path varchar(255) NOT NULL, depth integer NOT NULL,
    "isFolder" boolean NOT NULL DEFAULT false, parent integer REFERENCES "pageTree" (id) ON DELETE CASCADE,
    "pageId" integer REFERENCES pages (id) ON DELETE CASCADE, ancestors json);
CREATE TABLE assets (id serial PRIMARY KEY, filename varchar(255) NOT NULL,
    kind text CHECK (kind IN ('binary', 'image')) NOT NULL DEFAULT 'binary', "fileSize" integer, metadata json);
CREATE TABLE "assetData" (id integer PRIMARY KEY, data bytea NOT NULL);
CREATE TABLE settings (key varchar(255) PRIMARY KEY, value json, "updatedAt" varchar(255) NOT NULL);
CREATE TABLE sessions (sid varchar(255) PRIMARY KEY, sess json NOT NULL, expired timestamptz NOT NULL);
CREATE TABLE brute (key varchar(255), "firstRequest" bigint, "lastRequest" bigint, lifetime bigint, count integer);
