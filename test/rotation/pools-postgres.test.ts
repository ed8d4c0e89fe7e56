import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecrets, type Rotator, type Secrets } from "@keyhold/core";
import { initStore, local } from "@keyhold/local";
import { postgres, postgresPool, postgresPools } from "@keyhold/rotation";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresServer, startPostgres } from "../servers/postgres/start-postgres.ts";
import { type Row, writeFigure } from "./figures.ts";

const rotations = 50;
const newConnections = 20;
const leastQueries = 10_000;
const queriesPerSecond = 200;
/** The naive twin need not go on for long. */
const enoughFailures = 200;
/** Connections are replaced so often that each moment of a rotation sees new ones. */
const config = { max: 10, maxUses: 8 };
/** A machine that is too busy for so many queries a second gets fewer, and no queue that grows. */
const mostAtOnce = 50;

let server: PostgresServer;
let folder: string;
let secrets: Secrets<"local">;
beforeAll(async () => {
  server = await startPostgres();
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-pools-"));
  const [storePath, identityPath] = [path.join(folder, "keyhold.age"), path.join(folder, "home", "identity.txt")];
  await initStore({ path: storePath, identityPath });
  secrets = createSecrets({ providers: { local: local({ path: storePath, identityPath }) } });
  await secrets.put("local://admin", server.url);
});
afterAll(async () => {
  await secrets?.close();
  await server?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** What the queries go through. */
interface Subject {
  query(text: string): Promise<unknown>;
  /** Whether nothing is left of the login before: no two rotations may come so close that one meets the connections of another. */
  hasMoved(): boolean;
  /** The naive twin goes on as who it was. */
  readonly stays?: boolean;
  close(): Promise<void>;
}

type Counted = (pool: pg.Pool) => pg.Pool;
const reference = (name: string) => `local://${name}` as const;

/** A rotator whose pending value waits a while: that is when one user's old password is refused and the new one is not current. */
const slowly = (rotator: Rotator): Rotator => ({
  ...rotator,
  async test(pending, step) {
    await rotator.test?.(pending, step);
    await sleep(100);
  },
});

/** Rotates under load until both have been enough. */
async function load(
  name: string,
  strategy: "alternating" | "single",
  open: (counted: Counted) => Promise<Subject>,
  turns: number,
) {
  const password = `first-${name}`;
  await admin(`create role ${name} login password '${password}'`);
  await secrets.put(reference(name), { username: name, password, host: "127.0.0.1", port: server.port, dbname: "postgres" });
  let connections: (string | undefined)[] = [];
  const subject = await open((pool) => pool.on("connect", (client) => void connections.push(client.user)));
  const failures: unknown[] = [];
  let queries = 0;
  let done = false;
  const running = new Set<Promise<void>>();
  const startedAt = performance.now();
  const caller = (async () => {
    for (let sent = 0; !done; sent += 1) {
      const waitMs = startedAt + (sent * 1_000) / queriesPerSecond - performance.now();
      if (waitMs > 0) await sleep(waitMs);
      if (running.size >= mostAtOnce) await Promise.race(running);
      const query: Promise<void> = subject
        .query("select 1")
        .then(
          () => {},
          (error) => void failures.push(error),
        )
        .finally(() => {
          queries += 1;
          running.delete(query);
        });
      running.add(query);
    }
  })();
  const rotator = slowly(postgres({ strategy, admin: () => secrets.get("local://admin") }));
  let fewest = Number.POSITIVE_INFINITY;
  for (let turn = 1; turn <= turns; turn += 1) {
    connections = [];
    await secrets.rotate(reference(name), rotator);
    const { username } = (await secrets.get(reference(name), { fresh: true })).json() as { username: string };
    const made = () => connections.filter((user) => subject.stays || user === username).length;
    const isDone = () => made() >= newConnections && subject.hasMoved();
    while (!isDone() && failures.length < enoughFailures) await sleep(20);
    fewest = Math.min(fewest, made());
  }
  while (queries < (leastQueries * turns) / rotations && failures.length < enoughFailures) await sleep(50);
  done = true;
  await caller;
  await Promise.all(running);
  const perSecond = Math.round((queries * 1_000) / (performance.now() - startedAt));
  await subject.close();
  return { queries, perSecond, failures, fewest };
}

async function admin(text: string): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

async function asking(name: string, counted: Counted): Promise<Subject> {
  const pool = counted(await postgresPool({ pg, secrets, reference: reference(name), config }));
  return { query: (text) => pool.query(text), hasMoved: () => true, close: () => pool.end() };
}

async function swapped(name: string, counted: Counted): Promise<Subject> {
  const handle = await secrets.handle(reference(name));
  const all: pg.Pool[] = [];
  class Pool extends pg.Pool {
    constructor(settings?: pg.PoolConfig) {
      super(settings);
      all.push(counted(this));
    }
  }
  const pools = await postgresPools({ pg: { Pool, Client: pg.Client }, handle, config });
  return {
    query: (text) => pools.use((pool) => pool.query(text)),
    hasMoved: () => all.slice(0, -1).every((pool) => pool.ended),
    close: async () => {
      await pools.close();
      handle.close();
    },
  };
}

/** The naive twin. */
async function readOnce(name: string, counted: Counted): Promise<Subject> {
  const { username: user, password, host, port, dbname: database } = (await secrets.get(reference(name))).json() as never;
  const pool = counted(new pg.Pool({ ...config, user, password, host, port, database }));
  return { query: (text) => pool.query(text), hasMoved: () => true, stays: true, close: () => pool.end() };
}

const cases = [
  ["alternating", "alternating", asking],
  ["swapped", "alternating", swapped],
  ["single", "single", asking],
] as const satisfies readonly (readonly [Row, "alternating" | "single", typeof asking])[];

describe.concurrent(`PostgreSQL at ${queriesPerSecond} queries a second, through ${rotations} rotations, without a retry in the caller`, () => {
  it.each(cases)("fails no query: %s", async (row, strategy, open) => {
    const { queries, perSecond, failures, fewest } = await load(row, strategy, (counted) => open(row, counted), rotations);
    const figure = `${failures.length} failed of ${queries} (${perSecond} a second), ${rotations} rotations, at least ${fewest} new connections in each`;
    console.log(`${row}: ${figure}`);
    writeFigure(row, { figure });
    expect(failures).toEqual([]);
    expect(queries).toBeGreaterThanOrEqual(leastQueries);
    expect(fewest).toBeGreaterThanOrEqual(newConnections);
  });
});

describe("the naive twin under the same", () => {
  it.each(["alternating", "single"] as const)("fails many queries, as it read the password once: %s", async (strategy) => {
    const name = `${strategy}_once`;
    const { queries, failures } = await load(name, strategy, (counted) => readOnce(name, counted), 4);
    console.log(`  control, password read once, ${strategy}: ${failures.length} failed of ${queries}`);
    for (const row of strategy === "single" ? (["single"] as const) : (["alternating", "swapped"] as const))
      writeFigure(row, { control: `password read once: ${failures.length} failed of ${queries}` }, "control");
    expect(failures.length).toBeGreaterThan(0);
  });
});
