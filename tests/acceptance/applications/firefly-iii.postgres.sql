-- Firefly III, as its own migrations and seeders leave PostgreSQL: in own words, and in part.
CREATE TABLE migrations (id serial PRIMARY KEY, migration varchar(255) NOT NULL, batch integer NOT NULL);
INSERT INTO migrations (migration, batch) VALUES ('2016_06_16_000002_create_main_tables', 1);
CREATE TABLE users (id serial PRIMARY KEY, created_at timestamp(0), updated_at timestamp(0), email varchar(255) NOT NULL,
    password varchar(60) NOT NULL, blocked smallint NOT NULL DEFAULT 0);
CREATE TABLE account_types (id serial PRIMARY KEY, type varchar(50) NOT NULL UNIQUE);
INSERT INTO account_types (type) VALUES ('Default account'), ('Asset account'), ('Expense account');
CREATE TABLE accounts (id serial PRIMARY KEY, created_at timestamp(0), updated_at timestamp(0), deleted_at timestamp(0),
    user_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE, account_type_id integer NOT NULL
    REFERENCES account_types (id) ON DELETE CASCADE, name varchar(1024) NOT NULL, virtual_balance numeric(32, 12),
    active boolean NOT NULL DEFAULT true);
CREATE TABLE transaction_journals (id serial PRIMARY KEY, created_at timestamp(0), user_id integer NOT NULL
    REFERENCES users (id) ON DELETE CASCADE, description varchar(1024) NOT NULL, date timestamp(0) NOT NULL,
    date_tz varchar(50), interest_date date, encrypted boolean NOT NULL DEFAULT true, completed boolean NOT NULL DEFAULT true);
CREATE TABLE transactions (id serial PRIMARY KEY, created_at timestamp(0), deleted_at timestamp(0), account_id integer NOT NULL
    REFERENCES accounts (id) ON DELETE CASCADE, transaction_journal_id integer NOT NULL REFERENCES transaction_journals (id)
    ON DELETE CASCADE, amount numeric(32, 12) NOT NULL, native_amount numeric(32, 12));
CREATE TABLE tags (id serial PRIMARY KEY, tag varchar(1024) NOT NULL, latitude numeric(12, 8));
CREATE TABLE notifications (id uuid PRIMARY KEY, type varchar(255) NOT NULL, data text NOT NULL, read_at timestamp(0));
CREATE TABLE sessions (id varchar(255) NOT NULL UNIQUE, user_id integer, payload text NOT NULL, last_activity integer NOT NULL);
CREATE TABLE jobs (id bigserial PRIMARY KEY, queue varchar(255) NOT NULL, payload text NOT NULL);
