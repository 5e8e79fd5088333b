-- n8n, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL);
INSERT INTO migrations VALUES (1, 1587669153312, 'InitialMigration1587669153312');
CREATE TABLE workflow_entity (id varchar(36) PRIMARY KEY, name varchar(128) NOT NULL, active boolean NOT NULL,
    nodes json, connections json, settings json,
    "createdAt" timestamptz(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3));
CREATE TABLE credentials_entity (id varchar(36) PRIMARY KEY, name varchar(128) NOT NULL, data text NOT NULL);
CREATE TABLE execution_entity (id serial PRIMARY KEY, "workflowId" varchar(36) NOT NULL
    REFERENCES workflow_entity (id) ON DELETE CASCADE, finished boolean NOT NULL, mode varchar NOT NULL,
    "startedAt" timestamptz(3), "stoppedAt" timestamptz(3), "waitTill" timestamptz(3), status varchar NOT NULL);
