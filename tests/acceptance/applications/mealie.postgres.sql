-- Mealie, as its own migrations and first start leave PostgreSQL: in own words, and in part.
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('3897397b4631');
CREATE TYPE authmethod AS ENUM ('MEALIE', 'LDAP', 'OIDC');
CREATE TABLE groups (id uuid PRIMARY KEY, name varchar NOT NULL UNIQUE, slug varchar UNIQUE, created_at timestamp,
    update_at timestamp);
INSERT INTO groups VALUES ('ffffffff-0000-4000-8000-000000000001', 'Home', 'home', now(), now());
CREATE TABLE households (id uuid PRIMARY KEY, name varchar NOT NULL, slug varchar, group_id uuid NOT NULL REFERENCES groups (id));
INSERT INTO households VALUES ('ffffffff-0000-4000-8000-000000000002', 'Family', 'family', 'ffffffff-0000-4000-8000-000000000001');
CREATE TABLE users (id uuid PRIMARY KEY, username varchar UNIQUE, email varchar UNIQUE, password varchar,
    auth_method authmethod NOT NULL DEFAULT 'MEALIE', admin boolean, group_id uuid NOT NULL REFERENCES groups (id),
    household_id uuid REFERENCES households (id), owned_recipes_id uuid, locked_at timestamp);
INSERT INTO users VALUES ('ffffffff-0000-4000-8000-000000000003', 'changeme', 'changeme@example.com', '$2b$', 'MEALIE', true,
    'ffffffff-0000-4000-8000-000000000001', 'ffffffff-0000-4000-8000-000000000002');
CREATE TABLE recipes (id uuid PRIMARY KEY, slug varchar, group_id uuid NOT NULL REFERENCES groups (id),
    user_id uuid REFERENCES users (id), name varchar NOT NULL, rating double precision, is_ocr_recipe boolean, date_added date,
    last_made timestamp, name_normalized varchar NOT NULL, CONSTRAINT recipe_slug_group_id_key UNIQUE (slug, group_id));
ALTER TABLE users ADD FOREIGN KEY (owned_recipes_id) REFERENCES recipes (id);
CREATE TABLE recipes_ingredients (id serial PRIMARY KEY, position integer, recipe_id uuid REFERENCES recipes (id), note varchar,
    quantity double precision, reference_id uuid);
CREATE TABLE recipe_settings (id serial PRIMARY KEY, recipe_id uuid REFERENCES recipes (id), public boolean, locked boolean);
CREATE TABLE group_meal_plans (id serial PRIMARY KEY, date date NOT NULL, entry_type varchar NOT NULL, title varchar NOT NULL,
    recipe_id uuid REFERENCES recipes (id));
