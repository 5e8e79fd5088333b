-- Strapi, as it lies in SQLite: in own words, and in part. Knex writes moments as milliseconds.
CREATE TABLE strapi_migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(255), time datetime);
INSERT INTO strapi_migrations VALUES (1, '2024.06.25T00.00.00.own.js', 1719326078574);
CREATE TABLE strapi_migrations_internal (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(255), time datetime);
INSERT INTO strapi_migrations_internal VALUES (1, '5.0.0-02-created-document-id', 1719326078574);
CREATE TABLE strapi_database_schema (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, schema json, time datetime, hash varchar(255));
INSERT INTO strapi_database_schema VALUES (6, '{"tables":[]}', 1719326078574, 'abc');
CREATE TABLE strapi_core_store_settings (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, key varchar(255), value text,
    type varchar(255), environment varchar(255), tag varchar(255));
INSERT INTO strapi_core_store_settings VALUES (1, 'strapi_content_types_schema', '{"a":1}', 'object', NULL, NULL);
CREATE TABLE admin_users (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, document_id varchar(255), firstname varchar(255),
    email varchar(255), password varchar(255), is_active boolean, blocked boolean, created_at datetime, updated_at datetime);
INSERT INTO admin_users VALUES (1, 'k3', 'Ada', 'ada@example.org', '$2a$', 1, 0, 1719326078574, 1719326078574);
CREATE TABLE up_users (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, document_id varchar(255), username varchar(255),
    confirmed boolean);
INSERT INTO up_users VALUES (1, 'k4', 'bob', NULL);
CREATE TABLE articles (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, document_id varchar(255), title varchar(255), body text,
    blocks json, price float, visits bigint, score float, day date, opens time, featured boolean, created_at datetime,
    published_at datetime, created_by_id integer, CONSTRAINT articles_created_by_id_fk FOREIGN KEY (created_by_id)
    REFERENCES admin_users (id) ON DELETE SET NULL);
INSERT INTO articles VALUES (1, 'k5', 'Über', '# Ä', '[{"type":"paragraph"}]', 12.5, 5000000000, 0.1, '2024-06-25',
    '09:30:00.000', 1, 1719326078574, NULL, 1), (2, 'k5', 'Über', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1719326078574,
    1719326079001, 1);
CREATE TABLE files_related_mph (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, file_id integer, related_id integer,
    related_type varchar(255), field varchar(255), "order" float);
INSERT INTO files_related_mph VALUES (1, NULL, 1, 'api::article.article', 'cover', 1);
CREATE TABLE strapi_sessions (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, user_id varchar(255), session_id varchar(255),
    absolute_expires_at datetime);
INSERT INTO strapi_sessions VALUES (1, '1', 's', 1719326078574);
