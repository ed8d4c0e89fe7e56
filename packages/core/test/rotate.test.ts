import { createSecrets, isSecretsError, type Provider, type Rotator, type Secret, type Secrets } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { describe, expect, it } from "vitest";

const steps = ["create", "set", "test", "promote", "finish"] as const;

/** Counts what it is asked to do, and fails once at each of the steps that are named. */
function counted(failing: readonly string[] = []) {
  const calls: string[] = [];
  const left = [...failing];
  let serial = 0;
  const enter = (step: string, value?: string) => {
    calls.push(value === undefined ? step : `${step} ${value}`);
    const at = left.indexOf(step);
    if (at >= 0) {
      left.splice(at, 1);
      throw new Error("hunter2 does not work");
    }
  };
  const rotator: Rotator = {
    kind: "counted",
    create: ({ current }) => {
      enter("create");
      return `${current.text()}+${++serial}`;
    },
    set: (pending) => enter("set", pending.text()),
    test: (pending) => enter("test", pending.text()),
    finish: (pending, { current }) => enter("finish", `${pending.text()} for ${current.text()}`),
  };
  return { rotator, calls };
}

const open = () => createSecrets({ providers: { memory: memory({ secrets: { db: "old" } }) } });
const leftBeside = async (secrets: Secrets<"memory">) => (await secrets.get("memory://db-keyhold-pending")).text();

it("goes through its steps in order, and readers get the new value at once", async () => {
  const secrets = open();
  await secrets.get("memory://db");
  const { rotator, calls } = counted();
  const told: string[] = [];
  const rotation = await secrets.rotate("memory://db", rotator, {
    onProgress: ({ reference, step, state }) => told.push(`${reference} ${step} ${state}`),
  });
  expect(calls).toEqual(["create", "set old+1", "test old+1", "finish old+1 for old"]);
  expect(told).toEqual(steps.flatMap((step) => [`memory://db ${step} started`, `memory://db ${step} done`]));
  expect(rotation).toEqual({
    reference: "memory://db",
    rotationId: expect.stringMatching(/^[0-9a-f]{64}$/),
    version: "2",
    previousVersion: "1",
    resumed: false,
    dryRun: false,
  });
  expect((await secrets.get("memory://db")).text()).toBe("old+1");
  expect(await leftBeside(secrets)).toBe('{"keyhold-rotation":"{}"}');
  await secrets.close();
});

it.each(["set", "test", "finish"])("goes on with a rotation that failed in %s, with the same value", async (failing) => {
  const secrets = open();
  const { rotator, calls } = counted([failing]);
  const error = await secrets.rotate("memory://db", rotator).catch((thrown) => thrown);
  expect(isSecretsError(error, "unknown")).toBe(true);
  expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
  expect((await secrets.get("memory://db")).text()).toBe(failing === "finish" ? "old+1" : "old");
  const rotation = await secrets.rotate("memory://db", rotator);
  expect(rotation).toMatchObject({ resumed: true, version: "2", previousVersion: "1" });
  expect(calls.filter((call) => call === "create")).toHaveLength(1);
  expect(calls.at(-1)).toBe("finish old+1 for old");
  expect((await secrets.get("memory://db")).text()).toBe("old+1");
  expect(await secrets.rotate("memory://db", rotator)).toMatchObject({ resumed: false, version: "3" });
  await secrets.close();
});

it("gives two rotations at once one and the same new value", async () => {
  const secrets = open();
  const { rotator, calls } = counted();
  const both = await Promise.allSettled([secrets.rotate("memory://db", rotator), secrets.rotate("memory://db", rotator)]);
  expect(both.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
  for (const one of both) if (one.status === "rejected") expect(one.reason.code).toBe("conflict");
  const values = new Set(calls.filter((call) => call.startsWith("set ")));
  expect(values.size).toBe(1);
  expect((await secrets.get("memory://db", { fresh: true })).version).toBe("2");
  await secrets.close();
});

it("changes nothing in a dry run, and proves what the rotator can prove", async () => {
  const secrets = open();
  const { rotator, calls } = counted();
  const checked: string[] = [];
  const rotation = await secrets.rotate(
    "memory://db",
    { ...rotator, check: ({ current }) => void checked.push(current.text()) },
    { dryRun: true },
  );
  expect(rotation).toMatchObject({ dryRun: true, version: "1", previousVersion: "1" });
  expect([calls, checked]).toEqual([[], ["old"]]);
  await expect(secrets.get("memory://db-keyhold-pending")).rejects.toMatchObject({ code: "not-found" });
  await secrets.close();
});

it("does not write over what somebody else wrote meanwhile, until it is told to give its value up", async () => {
  const secrets = open();
  const { rotator } = counted(["test"]);
  await secrets.rotate("memory://db", rotator).catch(() => {});
  await secrets.put("memory://db", "by hand");
  await expect(secrets.rotate("memory://db", rotator)).rejects.toMatchObject({ code: "conflict" });
  expect((await secrets.get("memory://db")).text()).toBe("by hand");
  await secrets.rotate("memory://db", rotator, { abandonPending: true });
  expect((await secrets.get("memory://db")).text()).toBe("by hand+2");
  await secrets.close();
});

it("stops a rotation that was frozen while others went on, before it changes anything elsewhere", async () => {
  const secrets = open();
  let thaw = () => {};
  const frozen = new Promise<void>((resolve) => {
    thaw = resolve;
  });
  let reached = () => {};
  const arrived = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const done: string[] = [];
  const slow: Rotator = {
    kind: "slow",
    create: () => "slow",
    async set(pending, step) {
      reached();
      await frozen;
      await step.confirm();
      done.push(pending.text());
    },
  };
  const first = secrets.rotate("memory://db", slow);
  await arrived;
  const { rotator } = counted();
  await secrets.rotate("memory://db", rotator);
  await secrets.rotate("memory://db", rotator);
  thaw();
  await expect(first).rejects.toMatchObject({ code: "conflict" });
  expect(done).toEqual([]);
  expect((await secrets.get("memory://db")).text()).toBe("slow+1");
  await secrets.close();
});

describe("in a backend that keeps the current version alone", () => {
  const keepingOne = () => {
    const { versions: _versions, ...provider } = memory({ secrets: { db: "old" } });
    const m: Provider = {
      ...provider,
      async read(locator, context) {
        const current = await provider.read({ path: locator.path }, context);
        return locator.version === undefined || locator.version === current.version
          ? current
          : provider.read({ ...locator, version: "none" }, context);
      },
    };
    return createSecrets({ providers: { m } });
  };

  it("a rotation comes to its end, and the next one begins anew", async () => {
    const secrets = keepingOne();
    const { rotator, calls } = counted();
    expect(await secrets.rotate("m://db", rotator)).toMatchObject({ version: "2", previousVersion: "1" });
    expect(await secrets.rotate("m://db", rotator)).toMatchObject({ version: "3", resumed: false });
    expect(calls.filter((call) => call.startsWith("finish"))).toEqual(["finish old+1 for old", "finish old+1+2 for old+1"]);
    await secrets.close();
  });

  it("a rotation that died before its end says so, is given up on request, and without a finish goes on", async () => {
    const secrets = keepingOne();
    const { rotator, calls } = counted(["finish"]);
    await expect(secrets.rotate("m://db", rotator)).rejects.toMatchObject({ code: "unknown" });
    await expect(secrets.rotate("m://db", rotator)).rejects.toMatchObject({ code: "conflict" });
    const ended = await secrets.rotate("m://db", rotator, { abandonPending: true });
    expect(ended).toMatchObject({ resumed: true, version: "2", previousVersion: "1" });
    await secrets.rotate("m://db", counted(["finish"]).rotator).catch(() => {});
    const { finish: _finish, ...withoutFinish } = rotator;
    expect(await secrets.rotate("m://db", withoutFinish)).toMatchObject({ resumed: true, version: "3" });
    expect(await secrets.rotate("m://db", withoutFinish)).toMatchObject({ resumed: false, version: "4" });
    expect(calls.filter((call) => call.startsWith("finish"))).toHaveLength(1);
    await secrets.close();
  });
});

it("keeps fields and bytes as they are", async () => {
  const secrets = createSecrets({
    providers: {
      fields: memory({ fields: true, secrets: { db: { user: "app", password: "old" } } }),
      plain: memory({ secrets: { key: "old" } }),
    },
  });
  await secrets.rotate("fields://db", {
    kind: "fields",
    create: ({ current }) => ({ ...(current.json() as object), password: "new" }),
  });
  expect((await secrets.get("fields://db")).json()).toEqual({ user: "app", password: "new" });
  await secrets.rotate("plain://key", { kind: "bytes", create: () => Uint8Array.of(0, 255, 10) });
  expect((await secrets.get("plain://key")).bytes()).toEqual(Uint8Array.of(0, 255, 10));
  await secrets.close();
});

it("refuses a backend without compare-and-set, a field, a version, and a secret that is not there", async () => {
  const plain = memory({ secrets: { db: "old" } });
  const secrets = createSecrets({
    providers: { memory: plain, blind: { ...plain, features: { ...plain.features, compareAndSet: false } } },
  });
  const { rotator, calls } = counted();
  const codeOf = (reference: "memory://db" | "blind://db" | "memory://db#a" | "memory://db?version=1" | "memory://none") =>
    secrets.rotate(reference, rotator).then(
      () => "done",
      (error) => error.code,
    );
  expect(await codeOf("blind://db")).toBe("unsupported");
  expect(await codeOf("memory://db#a")).toBe("invalid-argument");
  expect(await codeOf("memory://db?version=1")).toBe("invalid-argument");
  expect(await codeOf("memory://none")).toBe("not-found");
  expect(calls).toEqual([]);
  await secrets.close();
});

it("ends by its deadline, whatever the rotator does, and goes on later", async () => {
  const secrets = open();
  const stuck: Rotator = { kind: "stuck", create: () => "new", set: () => new Promise(() => {}) };
  await expect(secrets.rotate("memory://db", stuck, { deadlineMs: 50 })).rejects.toMatchObject({ code: "timeout" });
  expect(await secrets.rotate("memory://db", { kind: "well", create: () => "other" })).toMatchObject({ resumed: true });
  expect((await secrets.get("memory://db")).text()).toBe("new");
  await secrets.close();
});

it("lets a backend rotate by itself, and reads what it made", async () => {
  const secrets = open();
  const rotation = await secrets.rotate("memory://db", {
    kind: "backend",
    rotate: async () => void (await secrets.put("memory://db", "made there")),
  });
  expect(rotation).toMatchObject({ version: "2", previousVersion: "1" });
  expect((await secrets.get("memory://db")).text()).toBe("made there");
  await secrets.close();
});

describe("use, while a rotation is under way that the old value does not survive", () => {
  /** A rotation that stands still between its steps, and a gate that takes one value. */
  async function midway(reads: string[] = []) {
    const provider = memory({ secrets: { db: "old" } });
    const watched = {
      ...provider,
      read: (locator, context) => {
        reads.push(locator.path);
        return provider.read(locator, context);
      },
    } satisfies Provider;
    const secrets = createSecrets({ providers: { memory: watched } });
    const reader = createSecrets({ providers: { memory: { ...watched, close: async () => {} } } });
    let taken = "old";
    const entered: string[] = [];
    const enter = (one: Secret) => {
      entered.push(one.text());
      if (one.text() === taken) return "in";
      throw Object.assign(new Error(), { code: "28P01" });
    };
    const rotator: Rotator = {
      kind: "single",
      create: ({ current }) => `${current.text()}er`,
      set: (pending) => {
        taken = pending.text();
      },
      test: () => Promise.reject(new Error("killed here")),
    };
    await reader.get("memory://db");
    const begin = () => secrets.rotate("memory://db", rotator).catch(() => {});
    const end = () => secrets.rotate("memory://db", { ...rotator, test: () => {} });
    return { secrets, reader, begin, end, enter, entered, reads };
  }

  it("enters by the pending value, and reads it once for all", async () => {
    const reads: string[] = [];
    const { secrets, reader, begin, enter } = await midway(reads);
    await begin();
    reads.length = 0;
    const results = await Promise.all(Array.from({ length: 200 }, () => reader.use("memory://db", enter)));
    expect(new Set(results)).toEqual(new Set(["in"]));
    expect(await reader.use("memory://db", enter)).toBe("in");
    expect(reads).toEqual(["db", "db-keyhold-pending"]);
    await Promise.all([secrets.close(), reader.close()]);
  });

  it("enters through one rotation after another, however quickly", async () => {
    const { secrets, reader, begin, end, enter, entered } = await midway();
    for (let turn = 0; turn < 5; turn++) {
      await begin();
      expect(await reader.use("memory://db", enter)).toBe("in");
      await end();
      expect(await reader.use("memory://db", enter)).toBe("in");
    }
    expect(entered.at(-1)).toBe("olderererererer".slice(0, "old".length + 10));
    await Promise.all([secrets.close(), reader.close()]);
  });
});

describe("with a coordinator, where the backend compares nothing", () => {
  function blind() {
    const provider = memory({ secrets: { db: "old" } });
    const unconditional: Provider = {
      ...provider,
      features: { ...provider.features, compareAndSet: false },
      write: (locator, content, options, context) => {
        expect(options.ifVersion).toBeUndefined();
        return provider.write!(locator, content, options, context);
      },
    };
    return { provider, unconditional };
  }

  it("rotates, goes on after a failure, and leaves the claim free", async () => {
    const secrets = createSecrets({ providers: { blind: blind().unconditional, memory: memory() } });
    const { rotator, calls } = counted(["test"]);
    const coordinator = "memory://claims/db";
    await secrets.rotate("blind://db", rotator, { coordinator }).catch(() => {});
    expect(await secrets.rotate("blind://db", rotator, { coordinator })).toMatchObject({ resumed: true, version: "2" });
    expect(calls.filter((call) => call === "create")).toHaveLength(1);
    expect((await secrets.get("blind://db")).text()).toBe("old+1");
    await secrets.close();
  });

  it("keeps everybody else out while one rotates, and lets them in some time after it has died", async () => {
    const clock = manualClock();
    const { unconditional } = blind();
    const [first, second] = [0, 1].map(() => ({ ...unconditional, close: async () => {} })) as [Provider, Provider];
    const claims = memory();
    const dead = createSecrets({ providers: { blind: first, memory: { ...claims, close: async () => {} } }, clock });
    const alive = createSecrets({ providers: { blind: second, memory: claims }, clock });
    const options = { coordinator: "memory://claims/db" };
    let reached = () => {};
    const arrived = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const stuck: Rotator = { kind: "stuck", create: () => "new", set: () => new Promise(() => reached()) };
    void dead.rotate("blind://db", stuck, { ...options, deadlineMs: 60_000 }).catch(() => {});
    await arrived;
    const { rotator } = counted();
    await expect(alive.rotate("blind://db", rotator, options)).rejects.toMatchObject({ code: "conflict", retryable: true });
    await clock.advance(76_000);
    expect(await alive.rotate("blind://db", rotator, options)).toMatchObject({ resumed: true });
    expect((await alive.get("blind://db")).text()).toBe("new");
    await Promise.all([dead.close(), alive.close()]);
  });

  it("refuses a coordinator without compare-and-set, and one that holds something else", async () => {
    const secrets = createSecrets({
      providers: {
        blind: blind().unconditional,
        other: blind().unconditional,
        memory: memory({ secrets: { taken: "a value" } }),
      },
    });
    const { rotator } = counted();
    const codeOf = (coordinator: string) => secrets.rotate("blind://db", rotator, { coordinator }).catch(({ code }) => code);
    expect(await codeOf("other://claims/db")).toBe("unsupported");
    expect(await codeOf("memory://taken")).toBe("conflict");
    await secrets.close();
  });
});
