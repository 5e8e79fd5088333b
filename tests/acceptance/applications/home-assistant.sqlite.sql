-- Home Assistant's recorder, as it lies in SQLite: in own words, and in part.
CREATE TABLE schema_changes (change_id INTEGER NOT NULL PRIMARY KEY, schema_version INTEGER, changed DATETIME NOT NULL);
INSERT INTO schema_changes VALUES (1, 40, '2023-01-01 00:00:00.000000'), (2, 41, '2024-01-01 00:00:00.000000');
CREATE TABLE states_meta (metadata_id INTEGER NOT NULL PRIMARY KEY, entity_id VARCHAR(255) UNIQUE);
INSERT INTO states_meta VALUES (1, 'sensor.kitchen');
CREATE TABLE state_attributes (attributes_id INTEGER NOT NULL PRIMARY KEY, hash BIGINT, shared_attrs TEXT);
INSERT INTO state_attributes VALUES (1, 4294967295, '{"unit_of_measurement":"°C"}');
CREATE TABLE states (state_id INTEGER NOT NULL PRIMARY KEY, entity_id CHAR(0), state VARCHAR(255),
    event_id SMALLINT, last_updated CHAR(0), last_updated_ts FLOAT, old_state_id INTEGER REFERENCES states (state_id),
    attributes_id INTEGER REFERENCES state_attributes (attributes_id), origin_idx SMALLINT, context_id_bin BLOB,
    metadata_id INTEGER REFERENCES states_meta (metadata_id));
INSERT INTO states VALUES (1, NULL, '21.5', NULL, NULL, 1719326078.574204, NULL, 1, 0, x'0190a0b0c0d0e0f00102030405060708', 1),
    (2, NULL, 'unavailable', NULL, NULL, 1719326080.0, 1, 1, 0, NULL, 1);
CREATE TABLE statistics_meta (id INTEGER NOT NULL PRIMARY KEY, statistic_id VARCHAR(255), has_mean BOOLEAN, has_sum BOOLEAN);
INSERT INTO statistics_meta VALUES (1, 'sensor.energy', 0, 1);
CREATE TABLE statistics (id INTEGER NOT NULL PRIMARY KEY, created_ts FLOAT, metadata_id INTEGER
    REFERENCES statistics_meta (id) ON DELETE CASCADE, start_ts FLOAT, mean FLOAT, sum FLOAT);
INSERT INTO statistics VALUES (1, 1719326410.2, 1, 1719324000.0, NULL, 1234.5678);
CREATE TABLE recorder_runs (run_id INTEGER NOT NULL PRIMARY KEY, start DATETIME NOT NULL, "end" DATETIME,
    closed_incorrect BOOLEAN NOT NULL, created DATETIME NOT NULL);
INSERT INTO recorder_runs VALUES (1, '2024-06-25 14:34:38.574204', NULL, 0, '2024-06-25 14:34:38.574204');
