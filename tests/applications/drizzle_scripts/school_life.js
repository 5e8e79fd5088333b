// `SCHOOL_DATABASE=sqlite|postgres node school_life.js make|write|read|go_on`: what the school's server does.
"use strict";
const bcrypt = require("bcryptjs");
const { eq, asc, gt, count } = require("drizzle-orm");
const { teachers, courses } = require("./school_tables.js");

const PASSWORD = "Geheim-über-alles 🎈";
const isPostgres = process.env.SCHOOL_DATABASE === "postgres";

function connect() {
  if (isPostgres) {
    const { Pool } = require("pg");
    const pool = new Pool(); // of PGHOST and its brothers
    return [require("drizzle-orm/node-postgres").drizzle(pool), () => pool.end()];
  }
  const client = require("@libsql/client").createClient({ url: "file:school.db" });
  return [require("drizzle-orm/libsql").drizzle(client), async () => client.close()];
}

async function make(db) {
  const { migrate } = require(isPostgres ? "drizzle-orm/node-postgres/migrator" : "drizzle-orm/libsql/migrator");
  await migrate(db, { migrationsFolder: isPostgres ? "postgresql" : "sqlite" });
  return {};
}

async function write(db) {
  const [zoe] = await db.insert(teachers).values({
    email: "zoë@example.org", passwordHash: bcrypt.hashSync(PASSWORD, 8), isHead: true, wasAsked: null,
    settings: { theme: "dunkel", list: [1, 2.5, null, "ü"], deep: { on: true, id: "1e5-00" } },
    photo: Buffer.from([...Array(256).keys()]), seenAt: new Date("2024-06-25T14:34:38.574Z"),
  }).returning();
  await db.insert(teachers).values([
    { email: "bob@example.org", passwordHash: "", wasAsked: false, settings: [], photo: Buffer.alloc(0), createdAt: new Date("2001-09-09T01:46:40Z") },
    { email: "ann@example.org", passwordHash: "x", settings: "ein Text", seenAt: new Date("2037-12-31T23:59:59.999Z") },
  ]);
  await db.insert(courses).values([
    { title: "Größe & Maß \\ '\"", level: "two", note: "", hours: 0.1, places: -1, views: 4503599627370497, teacherId: zoe.id },
    { title: "", note: "日本語\n🎈", hours: 1e300 },
    ...Array.from({ length: 500 }, (_, i) => ({ title: `Kurs ${i}`, hours: i / 8, teacherId: i % 2 ? zoe.id : null })),
  ]);
  return {};
}

function plain(value) {
  if (Buffer.isBuffer(value) || value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (value instanceof Date) return value.toISOString();
  return value;
}

async function read(db) {
  const answer = {};
  for (const [name, table] of Object.entries({ teachers, courses })) {
    const rows = await db.select().from(table).orderBy(asc(table.id));
    answer[name] = rows.map((row) => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, plain(value)])));
  }
  answer.taught = await db.select({ email: teachers.email, courses: count(courses.id) }).from(teachers)
    .leftJoin(courses, eq(courses.teacherId, teachers.id)).where(gt(teachers.createdAt, new Date("2000-01-01"))).groupBy(teachers.email);
  answer.taught.sort((a, b) => (a.email < b.email ? -1 : 1));
  return answer;
}

async function goOn(db) {
  const [zoe] = await db.select().from(teachers).where(eq(teachers.email, "zoë@example.org"));
  if (!bcrypt.compareSync(PASSWORD, zoe.passwordHash)) throw new Error("the old password does not open");
  if (bcrypt.compareSync("x", zoe.passwordHash)) throw new Error("any password opens");
  const [fresh] = await db.insert(courses).values({ title: "Neu", teacherId: zoe.id }).returning();
  const [carla] = await db.insert(teachers).values({ email: "carla@example.org", passwordHash: "y", settings: { a: 1 }, seenAt: new Date() }).returning();
  await db.update(teachers).set({ settings: { ...zoe.settings, theme: "hell" } }).where(eq(teachers.id, zoe.id));
  await db.delete(teachers).where(eq(teachers.email, "ann@example.org"));
  await make(db);
  return { course: fresh.id, teacher: carla.id };
}

async function main(task) {
  const [db, close] = connect();
  const answer = await { make, write, read, go_on: goOn }[task](db);
  await close();
  console.log(JSON.stringify(answer));
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});
