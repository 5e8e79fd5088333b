-- Vikunja, as xorm leaves PostgreSQL: in own words, and in part.
CREATE TABLE migration (id varchar(255) PRIMARY KEY, description varchar(255));
INSERT INTO migration VALUES ('SCHEMA_INIT', ''), ('20190324205606', '');
CREATE TABLE users (id bigserial PRIMARY KEY, name text, username varchar(250) NOT NULL UNIQUE, password varchar(250),
    status integer DEFAULT 0, is_admin boolean NOT NULL DEFAULT false, email_reminders_enabled boolean DEFAULT true,
    overdue_tasks_reminders_time varchar(5) NOT NULL DEFAULT '09:00', deletion_scheduled_at timestamp, frontend_settings json,
    created timestamp NOT NULL, updated timestamp NOT NULL);
CREATE TABLE projects (id bigserial PRIMARY KEY, title varchar(250) NOT NULL, description text, identifier varchar(10),
    owner_id bigint NOT NULL, parent_project_id bigint, is_archived boolean NOT NULL DEFAULT false, position double precision,
    created timestamp NOT NULL, updated timestamp NOT NULL);
CREATE TABLE tasks (id bigserial PRIMARY KEY, title text NOT NULL, description text, done boolean, done_at timestamp,
    due_date timestamp, project_id bigint NOT NULL, repeat_after bigint, priority bigint, hex_color varchar(6),
    percent_done double precision, "index" bigint NOT NULL DEFAULT 0, uid varchar(250), created timestamp NOT NULL,
    updated timestamp NOT NULL, created_by_id bigint NOT NULL);
CREATE UNIQUE INDEX "UQE_tasks_tasks_project_index" ON tasks (project_id, "index");
CREATE TABLE project_views (id bigserial PRIMARY KEY, title varchar(255) NOT NULL, project_id bigint NOT NULL,
    view_kind integer NOT NULL, filter json DEFAULT null, position double precision, bucket_configuration json);
CREATE TABLE task_positions (task_id bigint NOT NULL, project_view_id bigint NOT NULL, position double precision NOT NULL,
    UNIQUE (task_id, project_view_id));
CREATE TABLE sessions (id varchar(36) PRIMARY KEY, user_id bigint NOT NULL, token_hash varchar(64) NOT NULL UNIQUE,
    is_long_session boolean NOT NULL DEFAULT false, last_active timestamp NOT NULL);
