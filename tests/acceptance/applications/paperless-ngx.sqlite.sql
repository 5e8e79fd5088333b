-- Paperless-ngx, as it lies in SQLite: in own words, and in part. A generated column asks for REGEXP, which Django brings.
CREATE TABLE django_migrations (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, app varchar(255) NOT NULL,
    name varchar(255) NOT NULL, applied datetime NOT NULL);
INSERT INTO django_migrations VALUES (1, 'documents', '0001_squashed', '2024-01-01 00:00:00.123456');
CREATE TABLE django_session (session_key varchar(40) NOT NULL PRIMARY KEY, session_data text NOT NULL,
    expire_date datetime NOT NULL);
INSERT INTO django_session VALUES ('s', 'e30', '2024-07-01 00:00:00');
CREATE TABLE auth_user (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, password varchar(128) NOT NULL, last_login datetime,
    is_superuser bool NOT NULL, username varchar(150) NOT NULL UNIQUE, is_active bool NOT NULL, date_joined datetime NOT NULL);
INSERT INTO auth_user VALUES (3, 'pbkdf2_sha256$1$x', '2024-06-25 14:34:38', 1, 'ada', 1, '2024-06-25 14:34:38.574204');
CREATE TABLE documents_document (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, title varchar(128) NOT NULL,
    content text NOT NULL, mime_type varchar(256) NOT NULL, checksum varchar(64) NOT NULL, page_count integer unsigned
    CHECK ("page_count" >= 0), created date NOT NULL, modified datetime NOT NULL, deleted_at datetime,
    archive_serial_number integer unsigned UNIQUE CHECK ("archive_serial_number" >= 0),
    owner_id integer REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED,
    root_document_id bigint REFERENCES documents_document (id) DEFERRABLE INITIALLY DEFERRED,
    content_length integer unsigned NOT NULL GENERATED ALWAYS AS (LENGTH("content")) STORED);
INSERT INTO documents_document VALUES
    (7, 'Newer version', 'Ünïcode', 'application/pdf', 'c7', NULL, '2024-06-25', '2024-06-25 14:34:38.574204', NULL, NULL, 3, 9),
    (9, 'Invoice', 'Total 12.50', 'application/pdf', 'c9', 2, '2024-06-01', '2024-06-25 14:34:38', NULL, 1001, 3, NULL);
CREATE TABLE documents_customfield (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(128) NOT NULL,
    data_type varchar(50) NOT NULL, extra_data text CHECK ((JSON_VALID("extra_data") OR "extra_data" IS NULL)));
INSERT INTO documents_customfield VALUES (1, 'Sum', 'monetary', '{"default_currency": "EUR"}'), (2, 'Links', 'documentlink', NULL);
CREATE TABLE documents_customfieldinstance (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
    document_id integer NOT NULL REFERENCES documents_document (id) DEFERRABLE INITIALLY DEFERRED,
    field_id integer NOT NULL REFERENCES documents_customfield (id) DEFERRABLE INITIALLY DEFERRED,
    value_bool bool, value_date date, value_float real, value_monetary varchar(128),
    value_document_ids text CHECK ((JSON_VALID("value_document_ids") OR "value_document_ids" IS NULL)),
    value_monetary_amount decimal GENERATED ALWAYS AS (CASE WHEN "value_monetary" REGEXP '^\d+'
        THEN CAST(SUBSTR("value_monetary", 1) AS NUMERIC) ELSE CAST(SUBSTR("value_monetary", 4) AS NUMERIC) END) STORED);
INSERT INTO documents_customfieldinstance (id, document_id, field_id, value_bool, value_date, value_float, value_monetary,
    value_document_ids) VALUES (1, 9, 1, NULL, NULL, NULL, 'EUR12.50', NULL), (2, 9, 1, 1, '2024-06-25', 0.1, '99.95', NULL),
    (3, 9, 2, NULL, NULL, NULL, NULL, '[7]');
CREATE TABLE paperless_mail_mailrule (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, name varchar(256) NOT NULL UNIQUE,
    "order" smallint NOT NULL, maximum_age integer unsigned NOT NULL CHECK ("maximum_age" >= 0), enabled bool NOT NULL);
INSERT INTO paperless_mail_mailrule VALUES (1, 'Bills', 0, 30, 1);
