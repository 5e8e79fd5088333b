// `node library_life.js sqlite|postgres make|write|read|go_on`: what the library's server does with its database.
"use strict";
require("reflect-metadata");
const { DataSource } = require("typeorm");
const bcrypt = require("bcryptjs");
const entitiesOf = require("./library_entities.js");

const PASSWORD = "Geheim-über-alles 🎈";
const COVER = Buffer.from([...Array(256).keys()]);

/** One migration of the application, made of its entities, and booked in `migrations` as TypeORM does. */
class Tables1719326078574 {
  constructor() {
    this.name = "Tables1719326078574";
  }
  async up(runner) {
    const made = await runner.connection.driver.createSchemaBuilder().log();
    for (const query of made.upQueries) await runner.query(query.query, query.parameters);
  }
  async down() {}
}

async function connect(kind) {
  const isPostgres = kind === "postgres";
  const database = isPostgres
    ? { type: "postgres", host: process.env.PGHOST, port: Number(process.env.PGPORT), username: process.env.PGUSER, database: process.env.PGDATABASE,
        uuidExtension: "pgcrypto", installExtensions: false }
    : { type: "better-sqlite3", database: "library.sqlite3" };
  const source = new DataSource({ ...database, entities: entitiesOf(isPostgres), migrations: [Tables1719326078574] });
  return source.initialize();
}

async function write(source) {
  const users = source.getRepository("User");
  const books = source.getRepository("Book");
  const places = source.getTreeRepository("Place");
  const zoe = await users.save({
    email: "zoë@example.org", passwordHash: bcrypt.hashSync(PASSWORD, 8), isAdmin: true, isVerified: null,
    settings: { theme: "dunkel", list: [1, 2.5, null, "ü"], nested: { on: true } }, tags: ["a b", "ü"], role: "head of all",
  });
  const bob = await users.save({ email: "bob@example.org", passwordHash: "", isVerified: false, settings: [], tags: [] });
  const gone = await users.save({ email: "gone@example.org", passwordHash: "x", settings: "a text" });
  await users.softRemove(gone);
  const first = await books.save({
    title: "Größe & Maß", subtitle: "", price: "1234567890.05", weight: 0.1, published: "2024-02-29", opens: "09:30:00",
    copies: "4503599627370497", cover: COVER, lentAt: new Date("2024-06-25T14:34:38.574Z"), owner: zoe, readers: [zoe, bob],
  });
  await books.save({ title: "日本語 🎈 \\ ' \"", subtitle: null, price: "-0.10", weight: 1e300, cover: Buffer.alloc(0), parent: first });
  await books.save({ title: "", copies: "-1", lentAt: new Date("1969-12-31T23:59:59.999Z") });
  const root = await places.save({ name: "Haus" });
  await places.save({ name: "Regal", parent: await places.save({ name: "Zimmer", parent: root }) });
  bob.isAdmin = true;
  await users.save(bob);
  for (let i = 0; i < 300; i++) await books.insert({ title: `Band ${i}`, price: String(i / 4), published: "2000-01-01" });
  return {};
}

function plain(value) {
  if (Buffer.isBuffer(value)) return `bytes ${value.toString("hex")}`;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return value;
}

async function read(source) {
  const users = await source.getRepository("User").find({ order: { email: "ASC" }, withDeleted: true });
  const books = await source.getRepository("Book").find({ order: { id: "ASC" }, relations: { owner: true, parent: true, readers: true } });
  for (const book of books) {
    book.readers.sort((a, b) => (a.id < b.id ? -1 : 1));
    // A driver's own ways: SQLite's gives numbers, PostgreSQL's texts of what a double may not hold.
    book.price = book.price === null ? null : Number(book.price).toFixed(2);
    book.copies = String(book.copies);
    book.parent = book.parent && book.parent.title;
  }
  users.sort((a, b) => (a.id < b.id ? -1 : 1));
  const trees = await source.getTreeRepository("Place").findTrees();
  return plain({ users, books, trees });
}

async function goOn(source) {
  const users = source.getRepository("User");
  const zoe = await users.findOneByOrFail({ email: "zoë@example.org" });
  if (!bcrypt.compareSync(PASSWORD, zoe.passwordHash)) throw new Error("the old password does not open");
  if (bcrypt.compareSync("x", zoe.passwordHash)) throw new Error("any password opens");
  const books = source.getRepository("Book");
  const fresh = await books.save({ title: "Neu", owner: zoe, readers: [zoe], cover: COVER, price: "1.50" });
  const places = source.getTreeRepository("Place");
  await places.save({ name: "Fach", parent: await places.findOneByOrFail({ name: "Regal" }) });
  await users.save({ email: "carla@example.org", passwordHash: "y", role: "clerk" });
  zoe.settings = { ...zoe.settings, theme: "hell" };
  await users.save(zoe);
  const restored = await users.restore({ email: "gone@example.org" });
  const dark = await users.createQueryBuilder("u").where("u.settings ->> 'theme' = 'hell'").getCount();
  const depth = await places.findAncestors(await places.findOneByOrFail({ name: "Fach" }));
  return { id: fresh.id, version: zoe.version, restored: restored.affected, dark, depth: depth.length, pending: await source.showMigrations() };
}

async function main([kind, task]) {
  const source = await connect(kind);
  const tasks = { make: async () => (await source.runMigrations()).map((one) => one.name), write, read, go_on: goOn };
  const answer = await tasks[task](source);
  await source.destroy();
  console.log(JSON.stringify(answer));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
