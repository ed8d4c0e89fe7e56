import { createSecrets, type Secret } from "@keyhold/core";
import { rotatingPool } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import { afterEach, describe, expect, it, vi } from "vitest";

/** However busy the machine is. */
const eventually = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 20_000 });

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

/** Pools that are nothing but what they were made with. */
async function start({
  create = async (credential: Secret) => ({ password: credential.text() }),
  onDrain = async () => {},
} = {}) {
  const secrets = createSecrets({ providers: { memory: memory({ secrets: { db: "v1" } }) } });
  const handle = await secrets.handle("memory://db");
  const drained: string[] = [];
  const errors: unknown[] = [];
  const pools = await rotatingPool({
    handle,
    create,
    async drain({ password }) {
      await onDrain();
      drained.push(password);
    },
    onError: (error) => errors.push(error),
  });
  ends.push(
    () => pools.close(),
    () => secrets.close(),
  );
  return { secrets, handle, pools, drained, errors, rotate: (value: string) => secrets.put("memory://db", value) };
}

describe("a rotating pool", () => {
  it("swaps to a pool of the new credential, and drains the one before", async () => {
    const { pools, drained, rotate } = await start();
    expect(await pools.use(({ password }) => password)).toBe("v1");
    await rotate("v2");
    await eventually(() => expect(pools.current.password).toBe("v2"));
    await eventually(() => expect(drained).toEqual(["v1"]));
  });

  it("drains no pool before the work with it has ended, also when the work failed", async () => {
    const { pools, drained, rotate } = await start();
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const running = [pools.use(() => first.promise), pools.use(() => second.promise)];
    await rotate("v2");
    await eventually(() => expect(pools.current.password).toBe("v2"));
    first.resolve();
    await running[0];
    expect(drained).toEqual([]);
    second.reject(new Error("the query failed"));
    await expect(running[1]).rejects.toThrow("the query failed");
    await eventually(() => expect(drained).toEqual(["v1"]));
  });

  it("goes on with the pool before while a new one cannot be made, and tries again", async () => {
    let refusals = 2;
    const { pools, drained, errors, rotate } = await start({
      async create(credential) {
        if (credential.text() === "v2" && refusals-- > 0) throw new Error("not accepted yet");
        return { password: credential.text() };
      },
    });
    await rotate("v2");
    await eventually(() => expect(errors).toHaveLength(1));
    expect(await pools.use(({ password }) => password)).toBe("v1");
    expect(drained).toEqual([]);
    await eventually(() => expect(pools.current.password).toBe("v2"));
    expect(errors).toHaveLength(2);
  });

  it("makes one more pool for many changes that came while one was made, of the newest", async () => {
    const made: string[] = [];
    const gate = Promise.withResolvers<void>();
    const { pools, drained, rotate } = await start({
      async create(credential) {
        made.push(credential.text());
        if (made.length === 2) await gate.promise;
        return { password: credential.text() };
      },
    });
    await rotate("v2");
    await eventually(() => expect(made).toEqual(["v1", "v2"]));
    for (const value of ["v3", "v4", "v5"]) await rotate(value);
    expect(pools.current.password).toBe("v1");
    gate.resolve();
    await eventually(() => expect(pools.current.password).toBe("v5"));
    await eventually(() => expect(drained).toEqual(["v1", "v2"]));
    expect(made).toEqual(["v1", "v2", "v5"]);
  });

  it("ends its work before it is closed, drains what is left, follows no longer, and leaves the handle open", async () => {
    const { pools, handle, drained, rotate } = await start();
    const work = Promise.withResolvers<void>();
    const running = pools.use(() => work.promise);
    const closing = pools.close();
    expect(pools.close()).toBe(closing);
    await rotate("v2");
    await eventually(() => expect(handle.current.text()).toBe("v2"));
    expect(drained).toEqual([]);
    work.resolve();
    await Promise.all([running, closing]);
    expect(drained).toEqual(["v1"]);
    expect(pools.current.password).toBe("v1");
  });

  it("is closed in the middle of a swap without leaving a pool behind", async () => {
    const gate = Promise.withResolvers<void>();
    let made = 0;
    const { pools, drained, rotate } = await start({
      async create(credential) {
        if (++made === 2) await gate.promise;
        return { password: credential.text() };
      },
    });
    await rotate("v2");
    await eventually(() => expect(made).toBe(2));
    const closing = pools.close();
    gate.resolve();
    await closing;
    expect(drained.sort()).toEqual(["v1", "v2"]);
  });

  it("tells what a drain threw, and goes on", async () => {
    const { pools, errors, rotate } = await start({ onDrain: () => Promise.reject(new Error("would not end")) });
    await rotate("v2");
    await eventually(() => expect(errors).toHaveLength(1));
    expect(await pools.use(({ password }) => password)).toBe("v2");
  });

  it("rejects with what the first credential came to", async () => {
    await expect(start({ create: () => Promise.reject(new Error("no route")) })).rejects.toThrow("no route");
  });
});
