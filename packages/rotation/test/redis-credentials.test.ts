import { createSecrets } from "@keyhold/core";
import { custom, redisCredentials, rotatingPool } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import { createClient } from "@redis/client";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { hasRedis, type RedisServer, startRedis } from "./redis-server.ts";

/** However busy the machine is. */
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000 });

describe("node-redis, with a user whose password rotates", () => {
  let server: RedisServer;
  beforeAll(async () => {
    if (hasRedis) server = await startRedis();
  });
  beforeEach((context) => {
    if (!hasRedis) context.skip("this machine has no redis-server");
  });
  afterAll(() => server?.close());

  const ends: (() => unknown)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  async function open(options: Parameters<typeof createClient>[0]) {
    const client = createClient({ socket: { host: "127.0.0.1", port: server.port }, ...options });
    client.on("error", () => {});
    await client.connect();
    return client;
  }

  /** Has both passwords accepted until the rotation has ended. */
  const rotator = (admin: Awaited<ReturnType<typeof open>>) =>
    custom({
      create: ({ current }) => ({ ...(current.json() as object), password: `made-${Math.random()}` }),
      set: async (pending) => void (await admin.sendCommand(["ACL", "SETUSER", "app", `>${pending.field("password").text()}`])),
      finish: async (_pending, { current }) => {
        await admin.sendCommand(["ACL", "SETUSER", "app", `<${current.field("password").text()}`]).catch(() => {});
      },
    });

  async function start() {
    const admin = await open({ password: server.adminPassword });
    await admin.sendCommand(["ACL", "SETUSER", "app", "reset", "on", ">first", "~*", "+@all"]);
    const secrets = createSecrets({
      providers: { memory: memory({ secrets: { redis: { username: "app", password: "first" } } }) },
    });
    const handle = await secrets.handle("memory://redis");
    ends.push(
      () => admin.close(),
      () => secrets.close(),
    );
    return { admin, secrets, handle, rotate: () => secrets.rotate("memory://redis", rotator(admin)) };
  }
  const whoAmI = (client: Awaited<ReturnType<typeof open>>) => client.sendCommand(["ACL", "WHOAMI"]);

  it("signs each new connection in with the newest login, after each of many rotations", async () => {
    const { handle, rotate, admin } = await start();
    const errors: unknown[] = [];
    const credentialsProvider = redisCredentials({ handle, onError: (error) => errors.push(error) });
    const client = await open({ credentialsProvider });
    ends.push(() => client.close());
    for (let turn = 0; turn < 5; turn += 1) {
      await rotate();
      const another = await open({ credentialsProvider });
      expect(await whoAmI(another)).toBe("app");
      await another.close();
      // A connection that breaks comes back by itself.
      await admin.sendCommand(["CLIENT", "KILL", "USER", "app"]);
      await eventually(async () => expect(await whoAmI(client)).toBe("app"));
    }
    expect(errors).toEqual([]);
  });

  it("signs an open connection in again when the user itself changes", async () => {
    const { secrets, handle, admin } = await start();
    const client = await open({ credentialsProvider: redisCredentials({ handle }) });
    ends.push(() => client.close());
    await admin.sendCommand(["ACL", "SETUSER", "other", "reset", "on", ">second", "~*", "+@all"]);
    await secrets.put("memory://redis", { username: "other", password: "second" });
    await eventually(async () => expect(await whoAmI(client)).toBe("other"));
  });

  it("is refused once the password was read once and rotated", async () => {
    const { rotate } = await start();
    await rotate();
    const client = createClient({
      socket: { host: "127.0.0.1", port: server.port, reconnectStrategy: false },
      username: "app",
      password: "first",
    });
    client.on("error", () => {});
    await expect(client.connect()).rejects.toThrow("WRONGPASS");
  });

  it("is swapped as a whole under load, and no command fails", async () => {
    const { handle, rotate } = await start();
    const pools = await rotatingPool({
      handle,
      create: (login) => open(login.json() as { username: string; password: string }),
      drain: (client) => client.close(),
    });
    ends.push(() => pools.close());
    let done = false;
    let commands = 0;
    const load = (async () => {
      while (!done) {
        expect(await pools.use(whoAmI)).toBe("app");
        commands += 1;
      }
    })();
    const first = pools.current;
    for (let turn = 0; turn < 5; turn += 1) await rotate();
    await eventually(() => expect(pools.current).not.toBe(first));
    done = true;
    await load;
    expect(commands).toBeGreaterThan(5);
  });
});
