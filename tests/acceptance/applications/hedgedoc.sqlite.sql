-- HedgeDoc 1, as it lies in SQLite: in own words, and in part. Sequelize writes a blank before the offset.
CREATE TABLE SequelizeMeta (name VARCHAR(255) NOT NULL UNIQUE PRIMARY KEY);
INSERT INTO SequelizeMeta VALUES ('20150504155329-create-users.js'), ('20220901102800-convert-history-to-longtext.js');
CREATE TABLE Users (id UUID PRIMARY KEY, profileid VARCHAR(255) UNIQUE, profile TEXT, history TEXT, createdAt DATETIME,
    updatedAt DATETIME, accessToken TEXT, email TEXT, password TEXT, deleteToken UUID);
INSERT INTO Users VALUES ('0a0b0c0d-0e0f-4011-9213-141516171819', NULL, NULL, '[{"id":"GXf1","time":1719326078574}]',
    '2024-06-25 14:34:38.574 +00:00', '2024-06-25 14:34:38.574 +00:00', NULL, 'ada@example.org', '736372797074',
    '12345678-1234-4678-9234-567812345678');
CREATE TABLE Notes (id UUID PRIMARY KEY, ownerId UUID, content TEXT, title TEXT, createdAt DATETIME, updatedAt DATETIME,
    shortid VARCHAR(255) NOT NULL DEFAULT '0000000000', permission TEXT NOT NULL DEFAULT 'private', viewcount INTEGER DEFAULT 0,
    lastchangeuserId UUID, lastchangeAt DATETIME, alias VARCHAR(255), savedAt DATETIME, authorship TEXT, deletedAt DATETIME);
CREATE UNIQUE INDEX notes_alias ON Notes (alias);
INSERT INTO Notes VALUES ('1a0b0c0d-0e0f-4011-9213-141516171819', '0a0b0c0d-0e0f-4011-9213-141516171819', '# Ä', 'Ä',
    '2024-06-25 14:34:38.574 +00:00', '2024-06-25 14:34:38.574 +00:00', 'aB3', 'editable', 12, NULL,
    '2024-06-25 14:34:38.000 +00:00', NULL, NULL, '[["0a0b0c0d-0e0f-4011-9213-141516171819",0,3,1719326078574,1719326078574]]',
    NULL);
CREATE TABLE Revisions (id UUID PRIMARY KEY, noteId UUID, patch TEXT, lastContent TEXT, content TEXT, length INTEGER,
    createdAt DATETIME, updatedAt DATETIME, authorship TEXT);
INSERT INTO Revisions VALUES ('2a0b0c0d-0e0f-4011-9213-141516171819', '1a0b0c0d-0e0f-4011-9213-141516171819', NULL, NULL, '# Ä',
    3, '2024-06-25 14:34:38.574 +00:00', '2024-06-25 14:34:38.574 +00:00', NULL);
CREATE TABLE Authors (id INTEGER PRIMARY KEY AUTOINCREMENT, color VARCHAR(255), noteId UUID, userId UUID, createdAt DATETIME,
    updatedAt DATETIME);
INSERT INTO Authors VALUES (4, '#1ac3', '1a0b0c0d-0e0f-4011-9213-141516171819', '0a0b0c0d-0e0f-4011-9213-141516171819',
    '2024-06-25 14:34:38.574 +00:00', '2024-06-25 14:34:38.574 +00:00');
CREATE TABLE Sessions (sid VARCHAR(36) PRIMARY KEY, expires DATETIME, data TEXT, createdAt DATETIME NOT NULL,
    updatedAt DATETIME NOT NULL);
INSERT INTO Sessions VALUES ('s', '2024-07-01 00:00:00.000 +00:00', '{}', '2024-06-25 14:34:38.574 +00:00',
    '2024-06-25 14:34:38.574 +00:00');
