import pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../test/servers/postgres/start-postgres.ts";
import { createWorkspace } from "./support/keyhold.ts";

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres?.close());

it("rotates a login to PostgreSQL, tells the steps beside the result, and shows no value", async () => {
  const { keyhold, seed } = createWorkspace();
  const url = new URL(postgres.url);
  [url.username, url.password] = ["app", "the-first-one"];
  const admin = new pg.Client(postgres.url);
  await admin.connect();
  await admin.query("create role app login password 'the-first-one'");
  await admin.end();
  await seed({ db: url.href, admin: postgres.url });

  const dry = await keyhold(["rotate", "db", "--with", "postgres", "--admin", "admin", "--dry-run"]);
  expect(dry).toMatchObject({ status: 0, stderr: "" });
  expect(dry.stdout).toMatch(/^local:\/\/db: at version \S+; it can be rotated, and nothing was changed\n$/);
  const done = await keyhold(["rotate", "db", "--with", "postgres", "--admin", "admin"]);
  expect(done).toMatchObject({ status: 0, stderr: "create done\nset done\ntest done\npromote done\n" });
  expect(done.stdout).toMatch(/^local:\/\/db: rotated; version \S+ has replaced \S+\n$/);
  const { stdout } = await keyhold(["get", "db"]);
  const client = new pg.Client(stdout);
  await client.connect();
  expect((await client.query("select current_user")).rows).toEqual([{ current_user: "app_clone" }]);
  await client.end();

  const single = await keyhold(["rotate", "db", "--with", "postgres", "--strategy", "single", "--length", "40", "--json"]);
  expect(single.stderr).toBe("");
  expect(JSON.parse(single.stdout)).toMatchObject({ reference: "local://db", resumed: false });
});

it("says what is missing, and what goes wrong", async () => {
  const { keyhold, seed } = createWorkspace();
  await seed({ session: "old", login: JSON.stringify({ username: "app", password: "old" }) });
  expect(await keyhold(["rotate", "session"])).toMatchObject({ status: 2 });
  expect(await keyhold(["rotate", "session", "--with", "magic"])).toMatchObject({ status: 2 });
  expect(await keyhold(["rotate", "session", "--with", "random", "--length", "many"])).toMatchObject({ status: 2 });
  expect(await keyhold(["rotate", "session", "--with", "magic"])).toMatchObject({
    stderr: expect.stringContaining("hint: Choices: postgres, random, hmac, key-pair, jwks.\n"),
  });
  expect(await keyhold(["rotate", "session", "--with", "postgres"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("--admin aws://prod/db-admin"),
  });
  const failed = await keyhold(["rotate", "session", "--with", "postgres", "--strategy", "single", "--json"]);
  expect(failed.status).toBe(1);
  expect(JSON.parse(failed.stderr).error?.code ?? JSON.parse(failed.stderr).code).toBe("decode");
  expect(await keyhold(["rotate", "session", "--with", "random", "--length", "48"])).toMatchObject({ status: 0 });
  expect((await keyhold(["get", "session"])).stdout).toMatch(/^\w{48}$/);

  expect(await keyhold(["rotate", "login", "--with", "random"])).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("--field password"),
  });
  expect(await keyhold(["rotate", "login", "--with", "random", "--field", "password"])).toMatchObject({ status: 0 });
  expect(JSON.parse((await keyhold(["get", "login"])).stdout)).toEqual({
    username: "app",
    password: expect.not.stringMatching("old"),
  });
});
