import { createSecrets, type Rotator, secret } from "@keyhold/core";
import { type PostgresOptions, postgres } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../../../test/servers/postgres/start-postgres.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
  await asSuperuser("alter system set log_statement = 'all'");
  await asSuperuser("alter system set log_min_duration_statement = 0");
  await asSuperuser("select pg_reload_conf()");
});
afterAll(() => server?.close());

async function ask(login: { username: string; password: string }, text: string): Promise<unknown[]> {
  const { username: user, password } = login;
  const client = new pg.Client({ host: "127.0.0.1", port: server.port, database: "postgres", user, password });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

const asSuperuser = (text: string) => ask({ username: server.user, password: server.password }, text);
const codeOf = (login: unknown) =>
  ask(login as never, "select 1").then(
    () => "in",
    ({ code }) => code,
  );
const admin = () => secret(server.url);

let serial = 0;
/** A role, and a client that holds its login. */
async function start(shape: "document" | "url" = "document") {
  const username = `app"${++serial}`;
  const password = `first$ / @ # ${serial}`;
  await asSuperuser(`create role "${username.replaceAll('"', '""')}" login password '${password}'`);
  const document = { username, password, host: "127.0.0.1", port: server.port, dbname: "postgres", note: "kept" };
  const url = new URL(server.url);
  url.username = encodeURIComponent(username);
  url.password = encodeURIComponent(password);
  const secrets = createSecrets({ providers: { memory: memory({ secrets: { db: shape === "url" ? url.href : document } }) } });
  const rotate = (options: PostgresOptions) => secrets.rotate("memory://db", postgres(options));
  const login = async () => (await secrets.get("memory://db")).json() as { username: string; password: string; note?: string };
  return { username, password, secrets, rotate, login };
}

describe("two roles that take turns", () => {
  it("leave the login before as it was, and come back to the first role", async () => {
    const { username, rotate, login, secrets } = await start();
    const seen = [await login()];
    for (let turn = 0; turn < 3; turn++) {
      await rotate({ admin });
      const now = await login();
      expect(now.username).toBe(turn % 2 === 0 ? `${username}_clone` : username);
      expect(now.note).toBe("kept");
      expect([await codeOf(now), await codeOf(seen.at(-1))]).toEqual(["in", "in"]);
      if (seen.length > 1) expect(await codeOf(seen.at(-2))).toBe("28P01");
      seen.push(now);
    }
    await secrets.close();
  });

  it("may do the same, for the second is a member of the first", async () => {
    const { username, rotate, login, secrets } = await start();
    const role = `"${username.replaceAll('"', '""')}"`;
    await asSuperuser(`create table "of ${serial}" (id int)`);
    await asSuperuser(`grant select on "of ${serial}" to ${role}`);
    await rotate({ admin });
    expect(await ask(await login(), `select * from "of ${serial}"`)).toEqual([]);
    await secrets.close();
  });

  it("have the names that they are given, and no others", async () => {
    const { username, rotate, login, secrets } = await start();
    await rotate({ admin, users: [username, `second ${serial}`] });
    expect((await login()).username).toBe(`second ${serial}`);
    await expect(rotate({ admin, users: ["a", "b"] })).rejects.toMatchObject({ code: "invalid-argument" });
    await secrets.close();
  });

  it("are refused where PostgreSQL, which cuts names to 63 bytes, would take the second for the first", async () => {
    const name = "l".repeat(63);
    await asSuperuser(`create role ${name} login password 'first'`);
    const login = { username: name, password: "first", host: "127.0.0.1", port: server.port, dbname: "postgres" };
    const secrets = createSecrets({ providers: { memory: memory({ secrets: { db: login } }) } });
    await expect(secrets.rotate("memory://db", postgres({ admin }))).rejects.toMatchObject({ code: "invalid-argument" });
    expect(await codeOf(login)).toBe("in");
    await secrets.rotate("memory://db", postgres({ admin, users: [name, "another"] }));
    expect(await codeOf(login)).toBe("in");
    await secrets.close();
  });

  it("need an admin", () => {
    expect(() => postgres()).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

describe("one role", () => {
  it.each(["document", "url"] as const)("gets a new password by an admin, kept as a %s", async (shape) => {
    const { username, password, rotate, secrets } = await start(shape);
    await rotate({ admin, strategy: "single" });
    const now = await secrets.get("memory://db");
    const client = new pg.Client(shape === "url" ? now.text() : { ...pgConfig(now.json() as never), user: username });
    await client.connect();
    expect((await client.query("select current_user")).rows).toEqual([{ current_user: username }]);
    await client.end();
    expect(await codeOf({ username, password })).toBe("28P01");
    await secrets.close();
  });

  it("sets its own password without an admin, also when an earlier run died after it was set", async () => {
    const { username, password, login, secrets } = await start();
    const rotator = postgres({ strategy: "single" });
    const dying: Rotator = { ...rotator, test: () => Promise.reject(new Error("died")) };
    await secrets.rotate("memory://db", dying).catch(() => {});
    expect(await codeOf({ username, password })).toBe("28P01");
    expect(await secrets.use("memory://db", (one) => ask(one.json() as never, "select 1 as one"))).toEqual([{ one: 1 }]);
    expect(await secrets.rotate("memory://db", rotator)).toMatchObject({ resumed: true });
    expect(await codeOf(await login())).toBe("in");
    await secrets.close();
  });
});

const pgConfig = ({ password, host, port, dbname }: { password: string; host: string; port: number; dbname: string }) => ({
  password,
  host,
  port,
  database: dbname,
});

it("puts no password into the server's log; a plain ALTER ROLE does", async () => {
  const { rotate, login, secrets } = await start();
  for (let turn = 0; turn < 3; turn++) await rotate({ admin });
  const { username, password } = await login();
  const log = () => server.output();
  expect(log()).toContain(`alter role "${username.replace("_clone", "").replaceAll('"', '""')}`);
  expect(log()).toContain("SCRAM-SHA-256$4096:");
  expect(log()).not.toContain(password);
  await asSuperuser(`alter role "${username.replaceAll('"', '""')}" password '${password}'`);
  expect(log()).toContain(password);
  await secrets.close();
});

it("sets nothing for a process that was frozen while another rotation was finished", async () => {
  const { rotate, login, secrets } = await start();
  const rotator = postgres({ admin, strategy: "single" });
  let thaw = () => {};
  const frozen = new Promise<void>((resolve) => {
    thaw = resolve;
  });
  let reached = () => {};
  const arrived = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const slow = secrets.rotate("memory://db", {
    ...rotator,
    async set(pending, step) {
      reached();
      await frozen;
      await rotator.set?.(pending, step);
    },
  });
  await arrived;
  await rotate({ admin, strategy: "single" });
  await rotate({ admin, strategy: "single" });
  thaw();
  await expect(slow).rejects.toMatchObject({ code: "conflict" });
  expect(await codeOf(await login())).toBe("in");
  await secrets.close();
});

it("says what is wrong without a password in it", async () => {
  const { password, rotate, secrets } = await start();
  const failures = await Promise.all([
    rotate({ admin: () => secret(server.url.replace(server.password, "wrong-one")) }).catch((error) => error),
    secrets.rotate("memory://db", postgres({ admin: () => secret("no login") })).catch((error) => error),
  ]);
  expect(failures.map(({ code }) => code)).toEqual(["unauthenticated", "decode"]);
  for (const failure of failures) expect(`${failure.stack} ${JSON.stringify(failure)}`).not.toContain(password);
  expect(`${failures[0].stack}`).not.toContain("wrong-one");
  await expect(secrets.rotate("memory://db", postgres({ admin }), { dryRun: true })).resolves.toMatchObject({ dryRun: true });
  await secrets.close();
});
