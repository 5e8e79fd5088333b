-- Firefly III, as it lies in SQLite: in own words, and in part. Money is NUMERIC there, and so a double or an integer.
CREATE TABLE migrations (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, migration varchar NOT NULL, batch integer NOT NULL);
INSERT INTO migrations VALUES (1, '2016_06_16_000002_create_main_tables', 1);
CREATE TABLE users (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, created_at datetime, updated_at datetime,
    email varchar NOT NULL, password varchar NOT NULL, blocked integer NOT NULL DEFAULT '0');
INSERT INTO users VALUES (1, '2024-06-25 14:34:38', '2024-06-25 14:34:38', 'ada@example.org', '$2y$12$x', 0);
CREATE TABLE account_types (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, type varchar NOT NULL UNIQUE);
INSERT INTO account_types VALUES (1, 'Asset account'), (2, 'Expense account');
CREATE TABLE accounts (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, created_at datetime, updated_at datetime,
    deleted_at datetime, user_id integer NOT NULL REFERENCES users (id), account_type_id integer NOT NULL
    REFERENCES account_types (id), name varchar NOT NULL, virtual_balance numeric, active tinyint(1) NOT NULL DEFAULT '1');
INSERT INTO accounts VALUES (1, '2024-06-25 14:34:38', '2024-06-25 14:34:38', NULL, 1, 1, 'Giro', '0', 1),
    (2, '2024-06-25 14:34:38', '2024-06-25 14:34:38', '2024-07-01 00:00:00', 1, 2, 'Bäcker', NULL, 0);
CREATE TABLE transaction_journals (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, created_at datetime, user_id integer NOT NULL
    REFERENCES users (id), description varchar NOT NULL, date datetime NOT NULL, date_tz varchar, interest_date date,
    encrypted tinyint(1) NOT NULL DEFAULT '1', completed tinyint(1) NOT NULL DEFAULT '1');
INSERT INTO transaction_journals VALUES (1, '2024-06-25 14:34:38', 1, 'Bread', '2024-06-25 00:00:00', 'Europe/Berlin',
    '2024-06-26 00:00:00', 0, 1);
CREATE TABLE transactions (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, created_at datetime, deleted_at datetime,
    account_id integer NOT NULL REFERENCES accounts (id), transaction_journal_id integer NOT NULL
    REFERENCES transaction_journals (id), amount numeric NOT NULL, native_amount numeric);
INSERT INTO transactions VALUES (1, '2024-06-25 14:34:38', NULL, 1, 1, '-3.450000000000', NULL),
    (2, '2024-06-25 14:34:38', NULL, 2, 1, '3.45', '1000');
CREATE TABLE tags (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, tag varchar NOT NULL, latitude numeric);
INSERT INTO tags VALUES (1, 'food', '52.52000659');
CREATE TABLE notifications (id varchar PRIMARY KEY NOT NULL, type varchar NOT NULL, data text NOT NULL, read_at datetime);
INSERT INTO notifications VALUES ('9e115e10-0000-4000-8000-1e9999999999', 'UserLogin', '{}', NULL);
CREATE TABLE sessions (id varchar NOT NULL UNIQUE, user_id integer, payload text NOT NULL, last_activity integer NOT NULL);
INSERT INTO sessions VALUES ('s', 1, 'YTo=', 1719326078);
CREATE TABLE jobs (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, queue varchar NOT NULL, payload text NOT NULL);
