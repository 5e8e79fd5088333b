-- HedgeDoc 1, as its own migrations leave PostgreSQL: in own words, and in part.
CREATE TABLE "SequelizeMeta" (name varchar(255) PRIMARY KEY);
INSERT INTO "SequelizeMeta" VALUES ('20150504155329-create-users.js'), ('20220901102800-convert-history-to-longtext.js');
CREATE TYPE "enum_Notes_permission" AS ENUM ('freely', 'editable', 'limited', 'locked', 'protected', 'private');
CREATE TABLE "Users" (id uuid PRIMARY KEY, profileid varchar(255) UNIQUE, profile text, history text, "createdAt" timestamptz,
    "updatedAt" timestamptz, "accessToken" text, email text, password text, "deleteToken" uuid);
CREATE TABLE "Notes" (id uuid PRIMARY KEY, "ownerId" uuid, content text, title text, "createdAt" timestamptz,
    "updatedAt" timestamptz, shortid varchar(255) NOT NULL DEFAULT '0000000000',
    permission "enum_Notes_permission" NOT NULL DEFAULT 'private', viewcount integer DEFAULT 0, "lastchangeuserId" uuid,
    "lastchangeAt" timestamptz, alias varchar(255), "savedAt" timestamptz, authorship text, "deletedAt" timestamptz);
CREATE UNIQUE INDEX notes_alias ON "Notes" (alias);
CREATE TABLE "Revisions" (id uuid PRIMARY KEY, "noteId" uuid, patch text, "lastContent" text, content text, length integer,
    "createdAt" timestamptz, "updatedAt" timestamptz, authorship text);
CREATE TABLE "Authors" (id serial PRIMARY KEY, color varchar(255), "noteId" uuid, "userId" uuid, "createdAt" timestamptz,
    "updatedAt" timestamptz);
CREATE TABLE "Sessions" (sid varchar(36) PRIMARY KEY, expires timestamptz, data text, "createdAt" timestamptz NOT NULL,
    "updatedAt" timestamptz NOT NULL);
