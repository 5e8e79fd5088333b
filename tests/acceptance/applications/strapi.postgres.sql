-- Strapi, as its first start leaves PostgreSQL: in own words, and in part.
CREATE TABLE strapi_migrations (id serial PRIMARY KEY, name varchar(255), time timestamp);
INSERT INTO strapi_migrations (name, time) VALUES ('2024.06.25T00.00.00.own.js', now());
CREATE TABLE strapi_migrations_internal (id serial PRIMARY KEY, name varchar(255), time timestamp);
INSERT INTO strapi_migrations_internal (name, time) VALUES ('5.0.0-02-created-document-id', now());
CREATE TABLE strapi_database_schema (id serial PRIMARY KEY, schema json, time timestamp, hash varchar(255));
INSERT INTO strapi_database_schema (schema, time, hash) VALUES ('{"tables":[]}', now(), 'def');
CREATE TABLE strapi_core_store_settings (id serial PRIMARY KEY, key varchar(255), value text, type varchar(255),
    environment varchar(255), tag varchar(255));
INSERT INTO strapi_core_store_settings (key, value) VALUES ('strapi_content_types_schema', '{}'), ('core_admin_auth', '{}');
CREATE TABLE admin_users (id serial PRIMARY KEY, document_id varchar(255), firstname varchar(255), email varchar(255),
    password varchar(255), is_active boolean, blocked boolean, created_at timestamp(6), updated_at timestamp(6));
CREATE TABLE up_users (id serial PRIMARY KEY, document_id varchar(255), username varchar(255), confirmed boolean);
CREATE TABLE articles (id serial PRIMARY KEY, document_id varchar(255), title varchar(255), body text, blocks jsonb,
    price numeric(10, 2), visits bigint, score double precision, day date, opens time(3), featured boolean,
    created_at timestamp(6), published_at timestamp(6), created_by_id integer CONSTRAINT articles_created_by_id_fk
    REFERENCES admin_users (id) ON DELETE SET NULL);
CREATE TABLE files_related_mph (id serial PRIMARY KEY, file_id integer, related_id integer, related_type varchar(255),
    field varchar(255), "order" double precision);
CREATE TABLE strapi_sessions (id serial PRIMARY KEY, user_id varchar(255), session_id varchar(255), absolute_expires_at timestamp(6));
