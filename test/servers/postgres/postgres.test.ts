import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PostgresServer, startPostgres } from "./start-postgres.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.close());

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

test("the superuser signs in and makes users, who sign in", async () => {
  expect(await query(server.url, "select current_user, version() like 'PostgreSQL 18.%' as eighteen")).toEqual([
    { current_user: "postgres", eighteen: true },
  ]);
  await query(server.url, "create role app login password 'p@ss/w#rd'");
  const url = new URL(server.url);
  url.username = "app";
  url.password = "p@ss/w#rd";
  expect(await query(url.href, "select current_user")).toEqual([{ current_user: "app" }]);
});

test("a wrong password is refused with SQLSTATE 28P01", async () => {
  const url = new URL(server.url);
  url.password = "wrong";
  await expect(query(url.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
});

test("two of them run at once, and one that was closed leaves neither a listener nor a folder", async () => {
  const before = new Set(await readdir(tmpdir()));
  const other = await startPostgres();
  const folders = (await readdir(tmpdir())).filter((name) => name.startsWith("keyhold-postgres-") && !before.has(name));
  expect(await query(other.url, "select 1 as one")).toEqual([{ one: 1 }]);
  expect(other.port).not.toBe(server.port);
  const idle = new pg.Client({ connectionString: other.url });
  idle.on("error", () => {});
  await idle.connect();
  await other.close();
  await expect(query(other.url, "select 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  expect(folders.length).toBeGreaterThan(0);
  expect(folders.some((name) => !existsSync(`${tmpdir()}/${name}`))).toBe(true);
});
