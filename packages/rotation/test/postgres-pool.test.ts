import { inspect } from "node:util";
import { createSecrets, secret } from "@keyhold/core";
import { type PostgresPoolOptions, postgres, postgresPool, postgresPools } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { type PostgresServer, startPostgres } from "../../../test/servers/postgres/start-postgres.ts";

/** However busy the machine is. */
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000 });

let server: PostgresServer;
let superuser: pg.Pool;
beforeAll(async () => {
  server = await startPostgres();
  superuser = new pg.Pool({ connectionString: server.url });
  superuser.on("error", () => {});
});
afterAll(async () => {
  await superuser?.end();
  await server?.close();
});

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const admin = () => secret(server.url);
const where = () => ({ host: "127.0.0.1", port: server.port, database: "postgres" });
const whoAmI = async (pool: pg.Pool) => (await pool.query("select current_user as name")).rows[0].name;
const processOf = async (client: pg.PoolClient) => (await client.query("select pg_backend_pid() as id")).rows[0].id;

let serial = 0;
/** A role, and a client that holds its login. */
async function start() {
  const username = `pool_${++serial}`;
  const login = { username, password: `first-${serial}` };
  await superuser.query(`create role ${username} login password '${login.password}'`);
  const store = memory({ secrets: { db: login } });
  const read = vi.spyOn(store, "read");
  const secrets = createSecrets({ providers: { memory: store } });
  ends.push(() => secrets.close());
  type Options = Partial<PostgresPoolOptions<"memory", pg.PoolConfig | undefined, pg.Pool>>;
  const open = async (options: Options = {}) => {
    const pool = await postgresPool({ pg, secrets, reference: "memory://db", config: where(), ...options });
    ends.push(async () => pool.ended || pool.end());
    return pool;
  };
  return { username, login, secrets, open, reads: () => read.mock.calls.length };
}

describe("a pool that asks at each new connection", () => {
  it("is a real pool of node-postgres, with promises and with callbacks", async () => {
    const { open, username } = await start();
    const pool = await open();
    expect(pool).toBeInstanceOf(pg.Pool);
    expect(await whoAmI(pool)).toBe(username);
    const client = await pool.connect();
    client.release();
    const rows = await new Promise((resolve, reject) =>
      pool.connect((error, one, done) => {
        if (error || !one) return reject(error);
        one.query("select 1 as one", (failure: Error, result: pg.QueryResult) => {
          done();
          failure ? reject(failure) : resolve(result.rows);
        });
      }),
    );
    expect(rows).toEqual([{ one: 1 }]);
  });

  it("signs in by the newest user, ends connections of the one before as they are asked for, and lets work on them end", async () => {
    const { open, secrets, username } = await start();
    const pool = await open();
    const [working, idle] = [await pool.connect(), await pool.connect()];
    const before = await processOf(idle);
    idle.release();
    await secrets.rotate("memory://db", postgres({ server: where(), admin }));
    // The first that asks learns that the new login works; whoever comes after it gets connections of that alone.
    await eventually(async () => expect(await whoAmI(pool)).toBe(`${username}_clone`));
    expect((await working.query("select current_user as name")).rows).toEqual([{ name: username }]);
    working.release();
    const clients = [await pool.connect(), await pool.connect()];
    expect(await Promise.all(clients.map(processOf))).not.toContain(before);
    for (const client of clients) {
      expect((await client.query("select current_user as name")).rows).toEqual([{ name: `${username}_clone` }]);
      client.release();
    }
  });

  it("signs in with the pending password while the current one is refused already", async () => {
    const { open, secrets, username } = await start();
    const pool = await open({ config: { ...where(), max: 10, maxUses: 1 } });
    const rotator = postgres({ strategy: "single", server: where(), admin });
    const asked: Promise<string>[] = [];
    await secrets.rotate("memory://db", {
      ...rotator,
      async test(pending, step) {
        // Set, and not current yet.
        for (let count = 0; count < 10; count += 1) asked.push(whoAmI(pool));
        expect(await Promise.all(asked)).toEqual(Array(10).fill(username));
        await rotator.test?.(pending, step);
      },
    });
    expect(asked).toHaveLength(10);
    expect(await whoAmI(pool)).toBe(username);
  });

  it("gives the server's refusal where there is no other password, without asking the backend each time", async () => {
    const { open, username, reads } = await start();
    const pool = await open({ config: { ...where(), maxUses: 1 } });
    expect(await whoAmI(pool)).toBe(username);
    await superuser.query(`alter role ${username} password 'by hand'`);
    const [before, startedAt] = [reads(), performance.now()];
    for (let count = 0; count < 20; count += 1) await expect(whoAmI(pool)).rejects.toMatchObject({ code: "28P01" });
    // Three, and none for the next five seconds.
    expect(reads() - before).toBeLessThanOrEqual(3 * (1 + (performance.now() - startedAt) / 5_000));
  });

  it("goes on with the connections it has while the newest login is not accepted", async () => {
    const { open, secrets, username } = await start();
    const pool = await open({ config: { ...where(), max: 1 } });
    expect(await whoAmI(pool)).toBe(username);
    const handle = await secrets.handle("memory://db");
    await secrets.put("memory://db", { username, password: "not known to the server" });
    await eventually(() => expect(handle.current.field("password").text()).toBe("not known to the server"));
    for (let count = 0; count < 20; count += 1) expect(await whoAmI(pool)).toBe(username);
  });

  it("takes a URL, a password alone, and whatever else is explained", async () => {
    const { open, secrets, username, login } = await start();
    const url = new URL(server.url);
    url.username = username;
    url.password = login.password;
    await secrets.put("memory://db", url.href);
    expect(await whoAmI(await open({ config: {} }))).toBe(username);
    await secrets.put("memory://db", login.password);
    expect(await whoAmI(await open({ config: { ...where(), user: username } }))).toBe(username);
    await secrets.put("memory://db", `${username}:${login.password}`);
    const split = await open({
      login(one) {
        const [user, password] = one.text().split(":");
        return { user, password };
      },
    });
    expect(await whoAmI(split)).toBe(username);
  });

  it("fails its connections by decode for a secret that is no login, and does not end the process", async () => {
    const { open, secrets } = await start();
    await secrets.put("memory://db", { password: 1 });
    const pool = await open({ config: { ...where(), max: 1 } });
    const failed = await Promise.allSettled([pool.query("select 1"), pool.query("select 1")]);
    for (const one of failed) expect(one).toMatchObject({ status: "rejected", reason: { code: "decode" } });
  });

  it("prints no password", async () => {
    const { open, login } = await start();
    const pool = await open();
    await whoAmI(pool);
    expect(inspect(pool, { depth: 10 })).not.toContain(login.password);
  });

  it("ends its following with itself", async () => {
    const { open, secrets } = await start();
    const closed = vi.fn();
    const { handle } = secrets;
    vi.spyOn(secrets, "handle").mockImplementation(async (...call: Parameters<typeof handle>) => {
      const opened = await handle.apply(secrets, call);
      const close = opened.close.bind(opened);
      vi.spyOn(opened, "close").mockImplementation(() => {
        closed();
        close();
      });
      return opened;
    });
    const pool = await open();
    // One that is being made meanwhile ends no process.
    const asked = Promise.allSettled([pool.query("select 1"), pool.query("select 1")]);
    const ending = pool.end();
    await asked;
    await ending;
    expect(closed).toHaveBeenCalledOnce();
    await expect(pool.query("select 1")).rejects.toThrow();
  });
});

describe("a password as a function, by hand", () => {
  it("is asked at each new connection, so that it sees a change, where one that is read once is refused", async () => {
    const { secrets, username: user, login } = await start();
    const handle = await secrets.handle("memory://db");
    const byHand = new pg.Pool({ ...where(), user, maxUses: 1, password: () => handle.current.field("password").text() });
    const once = new pg.Pool({ ...where(), user, maxUses: 1, password: login.password });
    ends.push(
      () => byHand.end(),
      () => once.end(),
    );
    expect([await whoAmI(byHand), await whoAmI(once)]).toEqual([user, user]);
    await secrets.rotate("memory://db", postgres({ strategy: "single", server: where(), admin }));
    await eventually(() => expect(handle.current.field("password").text()).not.toBe(login.password));
    expect(await whoAmI(byHand)).toBe(user);
    await expect(whoAmI(once)).rejects.toMatchObject({ code: "28P01" });
  });
});

describe("pools that take each other's place", () => {
  it("serve by the newest user, and leave no connection of the one before", async () => {
    const { secrets, username } = await start();
    const pools = await postgresPools({ pg, handle: await secrets.handle("memory://db"), config: where() });
    ends.push(() => pools.close());
    const whoIs = () => pools.use(whoAmI);
    expect(await whoIs()).toBe(username);
    await secrets.rotate("memory://db", postgres({ server: where(), admin }));
    await eventually(async () => expect(await whoIs()).toBe(`${username}_clone`));
    const count = async () => (await superuser.query("select from pg_stat_activity where usename = $1", [username])).rowCount;
    await eventually(async () => expect(await count()).toBe(0));
  });

  it("serve by the old login until the new one is accepted, and tell why", async () => {
    const { secrets, username } = await start();
    const errors: unknown[] = [];
    const handle = await secrets.handle("memory://db");
    const pools = await postgresPools({ pg, handle, config: where(), onError: (error) => errors.push(error) });
    ends.push(() => pools.close());
    await secrets.put("memory://db", { username, password: "not known yet" });
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toMatchObject({ code: "28P01" });
    expect(await pools.use(whoAmI)).toBe(username);
    await superuser.query(`alter role ${username} password 'not known yet'`);
    const before = pools.current;
    await eventually(() => expect(pools.current).not.toBe(before));
    expect(inspect(pools.current, { depth: 10 })).not.toContain("not known yet");
  });
});
