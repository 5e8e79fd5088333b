-- Kanboard, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE schema_version (version integer DEFAULT 0);
INSERT INTO schema_version VALUES (117);
CREATE TABLE settings ("option" varchar(100) PRIMARY KEY, value text DEFAULT '', changed_by integer NOT NULL DEFAULT 0,
    changed_on integer NOT NULL DEFAULT 0);
INSERT INTO settings ("option", value) VALUES ('application_timezone', 'UTC'), ('webhook_token', 'new');
CREATE TABLE users (id serial PRIMARY KEY, username text NOT NULL UNIQUE, password varchar(255), is_ldap_user boolean DEFAULT false,
    name varchar(255), notifications_enabled boolean DEFAULT false, twofactor_activated boolean DEFAULT false,
    twofactor_secret char(16), role varchar(25) NOT NULL DEFAULT 'app-user', is_active boolean DEFAULT true);
INSERT INTO users (username, password, role) VALUES ('admin', '$2y$10$y', 'app-admin');
CREATE TABLE projects (id serial PRIMARY KEY, name text NOT NULL, is_active boolean DEFAULT true, token varchar(255),
    last_modified bigint DEFAULT 0, is_public boolean DEFAULT false, is_private boolean DEFAULT false,
    start_date varchar(10) DEFAULT '', owner_id integer DEFAULT 0);
CREATE TABLE columns (id serial PRIMARY KEY, title varchar(255) NOT NULL, position integer, project_id integer NOT NULL
    REFERENCES projects (id) ON DELETE CASCADE, task_limit integer DEFAULT 0, hide_in_dashboard boolean DEFAULT false,
    UNIQUE (title, project_id));
CREATE TABLE tasks (id serial PRIMARY KEY, title text NOT NULL, description text, date_creation bigint, project_id integer NOT NULL
    REFERENCES projects (id) ON DELETE CASCADE, column_id integer NOT NULL REFERENCES columns (id) ON DELETE CASCADE,
    is_active boolean DEFAULT true, date_due bigint, time_spent double precision DEFAULT 0, reference text DEFAULT '');
CREATE TABLE project_has_files (id serial PRIMARY KEY, project_id integer NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name text NOT NULL, path text NOT NULL, is_image boolean DEFAULT false, size integer NOT NULL DEFAULT 0);
CREATE TABLE sessions (id text PRIMARY KEY, expire_at integer NOT NULL, data text DEFAULT '');
CREATE TABLE plugin_schema_versions (plugin varchar(80) PRIMARY KEY, version integer NOT NULL DEFAULT 0);
INSERT INTO plugin_schema_versions VALUES ('calendar', 1);
