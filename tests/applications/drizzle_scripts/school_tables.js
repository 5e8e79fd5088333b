// Courses of a school on Drizzle: the same tables for both databases, with the columns that its guides name for each.
"use strict";
const isPostgres = process.env.SCHOOL_DATABASE === "postgres";
const lite = require("drizzle-orm/sqlite-core");
const pg = require("drizzle-orm/pg-core");
const { sql } = require("drizzle-orm");

const bytes = pg.customType({ dataType: () => "bytea" });
const kinds = isPostgres
  ? {
      table: pg.pgTable, key: () => pg.serial().primaryKey(), text: (...a) => pg.text(...a), moment: (n) => pg.timestamp(n, { withTimezone: true }),
      millis: (n) => pg.timestamp(n, { withTimezone: true, precision: 3 }), yes: (n) => pg.boolean(n), json: (n) => pg.jsonb(n),
      bytes: (n) => bytes(n), real: (n) => pg.doublePrecision(n), whole: (n) => pg.integer(n), big: (n) => pg.bigint(n, { mode: "number" }),
      index: pg.uniqueIndex, now: sql`now()`,
    }
  : {
      table: lite.sqliteTable, key: () => lite.integer().primaryKey({ autoIncrement: true }), text: (...a) => lite.text(...a),
      moment: (n) => lite.integer(n, { mode: "timestamp" }), millis: (n) => lite.integer(n, { mode: "timestamp_ms" }),
      yes: (n) => lite.integer(n, { mode: "boolean" }), json: (n) => lite.text(n, { mode: "json" }), bytes: (n) => lite.blob(n, { mode: "buffer" }),
      real: (n) => lite.real(n), whole: (n) => lite.integer(n), big: (n) => lite.integer(n, { mode: "number" }),
      index: lite.uniqueIndex, now: sql`(unixepoch())`,
    };

const teachers = kinds.table("teachers", {
  id: kinds.key(),
  email: kinds.text("email").notNull().unique(),
  passwordHash: kinds.text("password_hash").notNull(),
  isHead: kinds.yes("is_head").notNull().default(false),
  wasAsked: kinds.yes("was_asked"),
  settings: kinds.json("settings"),
  photo: kinds.bytes("photo"),
  createdAt: kinds.moment("created_at").notNull().default(kinds.now),
  seenAt: kinds.millis("seen_at"),
});
const courses = kinds.table("courses", {
  id: kinds.key(),
  title: kinds.text("title").notNull(),
  level: kinds.text("level", { enum: ["one", "two"] }).notNull().default("one"),
  note: kinds.text("note"),
  hours: kinds.real("hours"),
  places: kinds.whole("places").notNull().default(0),
  views: kinds.big("views").notNull().default(0),
  teacherId: kinds.whole("teacher_id").references(() => teachers.id, { onDelete: "set null" }),
});

module.exports = { teachers, courses };
