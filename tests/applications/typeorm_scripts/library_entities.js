// A lending library on TypeORM: the same entities on both databases, with the types that its documentation names for each.
"use strict";
const { EntitySchema } = require("typeorm");

module.exports = (isPostgres) => {
  const moment = isPostgres ? "timestamp with time zone" : "datetime";
  const User = new EntitySchema({
    name: "User",
    columns: {
      id: { type: "uuid", primary: true, generated: "uuid" },
      email: { type: "varchar", length: 120, unique: true },
      passwordHash: { type: "varchar" },
      isAdmin: { type: "boolean", default: false },
      isVerified: { type: "boolean", nullable: true },
      settings: { type: isPostgres ? "jsonb" : "simple-json", nullable: true },
      tags: { type: "simple-array", nullable: true },
      role: { type: isPostgres ? "enum" : "simple-enum", enum: ["reader", "clerk", "head of all"], default: "reader" },
      createdAt: { type: moment, createDate: true },
      updatedAt: { type: moment, updateDate: true },
      version: { type: "int", version: true },
      deletedAt: { type: moment, deleteDate: true, nullable: true },
    },
  });
  const Book = new EntitySchema({
    name: "Book",
    columns: {
      id: { type: "int", primary: true, generated: "increment" },
      title: { type: "text" },
      subtitle: { type: "text", nullable: true },
      price: { type: "decimal", precision: 12, scale: 2, nullable: true },
      weight: { type: isPostgres ? "double precision" : "double", nullable: true },
      published: { type: "date", nullable: true },
      opens: { type: "time", nullable: true },
      copies: { type: "bigint", default: 0 },
      cover: { type: isPostgres ? "bytea" : "blob", nullable: true },
      lentAt: { type: moment, nullable: true },
    },
    relations: {
      owner: { type: "many-to-one", target: "User", nullable: true, onDelete: "SET NULL" },
      parent: { type: "many-to-one", target: "Book", nullable: true },
      readers: { type: "many-to-many", target: "User", joinTable: true },
    },
    indices: [{ columns: ["title"] }],
  });
  const Place = new EntitySchema({
    name: "Place",
    columns: {
      id: { type: "int", primary: true, generated: "increment" },
      name: { type: "varchar" },
      nsleft: { type: "int", default: 1 },
    },
    trees: [{ type: "materialized-path" }],
    relations: {
      children: { type: "one-to-many", target: "Place", inverseSide: "parent", treeChildren: true },
      parent: { type: "many-to-one", target: "Place", nullable: true, treeParent: true, inverseSide: "children" },
    },
  });
  return [User, Book, Place];
};
