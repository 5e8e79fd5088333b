-- n8n, as it lies in SQLite: in own words, and in part.
CREATE TABLE migrations (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, timestamp BIGINT NOT NULL, name VARCHAR NOT NULL);
INSERT INTO migrations VALUES (1, 1588102412422, 'InitialMigration1588102412422');
CREATE TABLE workflow_entity (id VARCHAR(36) PRIMARY KEY NOT NULL, name VARCHAR(128) NOT NULL, active BOOLEAN NOT NULL,
    nodes TEXT, connections TEXT, settings TEXT,
    createdAt DATETIME(3) NOT NULL DEFAULT (STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')));
INSERT INTO workflow_entity VALUES ('x1Yz', 'Mail', 1, '[{"id":"9e115e10-0000-4000-8000-1e9999999999"}]', '{}', NULL,
    '2024-06-25 14:34:38.574');
CREATE TABLE credentials_entity (id VARCHAR(36) PRIMARY KEY NOT NULL, name VARCHAR(128) NOT NULL, data TEXT NOT NULL);
INSERT INTO credentials_entity VALUES ('c', 'smtp', 'U2FsdGVkX1');
CREATE TABLE execution_entity (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, workflowId VARCHAR(36) NOT NULL
    REFERENCES workflow_entity (id) ON DELETE CASCADE, finished BOOLEAN NOT NULL, mode VARCHAR NOT NULL,
    startedAt DATETIME, stoppedAt DATETIME, waitTill DATETIME, status VARCHAR NOT NULL);
INSERT INTO execution_entity VALUES (7, 'x1Yz', 1, 'trigger', '2024-06-25 14:34:38.574', '2024-06-25 14:34:39.001', NULL,
    'success');
