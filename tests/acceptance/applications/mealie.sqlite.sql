-- Mealie, as it lies in SQLite: in own words, and in part. Its ids are the 32 hexadecimal digits of a UUID.
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
INSERT INTO alembic_version VALUES ('3897397b4631');
CREATE TABLE groups (id CHAR(32) NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, slug VARCHAR, created_at DATETIME,
    update_at DATETIME);
INSERT INTO groups VALUES ('0a0b0c0d0e0f40119213141516171819', 'Home', 'home', '2024-06-25 14:34:38.574204', NULL);
CREATE TABLE households (id CHAR(32) NOT NULL PRIMARY KEY, name VARCHAR NOT NULL, slug VARCHAR,
    group_id CHAR(32) NOT NULL REFERENCES groups (id));
INSERT INTO households VALUES ('1a0b0c0d0e0f40119213141516171819', 'Family', 'family', '0a0b0c0d0e0f40119213141516171819');
CREATE TABLE users (id CHAR(32) NOT NULL PRIMARY KEY, username VARCHAR UNIQUE, email VARCHAR UNIQUE, password VARCHAR,
    auth_method VARCHAR(6) NOT NULL DEFAULT 'MEALIE', admin BOOLEAN, group_id CHAR(32) NOT NULL REFERENCES groups (id),
    household_id CHAR(32) REFERENCES households (id), owned_recipes_id CHAR(32) REFERENCES recipes (id), locked_at DATETIME);
INSERT INTO users VALUES ('2000000000004000a000000000000001', 'ada', 'ada@example.org', '$2b$', 'OIDC', 1,
    '0a0b0c0d0e0f40119213141516171819', '1a0b0c0d0e0f40119213141516171819', '3000000000004000b0000000000000e5', NULL);
CREATE TABLE recipes (id CHAR(32) NOT NULL PRIMARY KEY, slug VARCHAR, group_id CHAR(32) NOT NULL REFERENCES groups (id),
    user_id CHAR(32) REFERENCES users (id), name VARCHAR NOT NULL, rating FLOAT, is_ocr_recipe BOOLEAN, date_added DATE,
    last_made DATETIME, name_normalized VARCHAR NOT NULL, UNIQUE (slug, group_id));
INSERT INTO recipes VALUES ('3000000000004000b0000000000000e5', 'crepes', '0a0b0c0d0e0f40119213141516171819',
    '2000000000004000a000000000000001', 'Crêpes', 4.5, 0, '2024-06-25', '2024-06-25 14:34:38.000000', 'crepes');
CREATE TABLE recipes_ingredients (id INTEGER NOT NULL PRIMARY KEY, position INTEGER, recipe_id CHAR(32) REFERENCES recipes (id),
    note VARCHAR, quantity FLOAT, reference_id CHAR(32));
INSERT INTO recipes_ingredients VALUES (1, 0, '3000000000004000b0000000000000e5', 'milk', 0.5, '4f3c8f1c64f34d0e9a6a0d4f9d3f1b2c'),
    (2, 1, '3000000000004000b0000000000000e5', 'eggs', 3, NULL);
CREATE TABLE recipe_settings (id INTEGER NOT NULL PRIMARY KEY, recipe_id CHAR(32) REFERENCES recipes (id), public BOOLEAN,
    locked BOOLEAN);
INSERT INTO recipe_settings VALUES (1, '3000000000004000b0000000000000e5', 1, NULL);
CREATE TABLE group_meal_plans (id INTEGER NOT NULL PRIMARY KEY, date DATE NOT NULL, entry_type VARCHAR NOT NULL,
    title VARCHAR NOT NULL, recipe_id CHAR(32) REFERENCES recipes (id));
INSERT INTO group_meal_plans VALUES (1, '2024-06-25', 'dinner', '', '3000000000004000b0000000000000e5');
