import {
  type Change,
  createSecrets,
  isSecretsError,
  type Provider,
  type Secret,
  type SecretRecord,
  SecretsError,
} from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

// Every order in which these may happen is as good as any other: fast-check's scheduler tries many.
const numRuns = Number(process.env.KEYHOLD_RUNS ?? 200);
const seed = Number(process.env.KEYHOLD_SEED ?? 1);

/**
 * A backend of which each step waits for the scheduler: a read leaves, then its answer arrives with what was there when it left; a
 * write is done, then its answer arrives; a watch tells a change some time after it.
 */
function scheduledBackend(scheduler: fc.Scheduler) {
  let version = 1;
  let inFlight = 0;
  let wakes: (() => void)[] = [];
  const step = (name: string) => scheduler.schedule(Promise.resolve(), name);
  const told = { version: 0, mostInFlight: 0 };

  async function* watch(_locator: unknown, { signal }: { readonly signal: AbortSignal }): AsyncGenerator<Change> {
    let known: number | undefined;
    while (!signal.aborted) {
      if (known === version) {
        await new Promise<void>((resolve) => {
          wakes.push(resolve);
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      } else {
        await step("a change is told");
        known = version;
        told.version = version;
        yield { version: String(known) };
      }
    }
  }

  const write = () => {
    version += 1;
    for (const wake of wakes.splice(0)) wake();
    return String(version);
  };

  const provider: Provider = {
    kind: "scheduled",
    features: { versions: false, stages: false, binary: false, leases: false },
    async read(_locator, { signal }) {
      inFlight += 1;
      told.mostInFlight = Math.max(told.mostInFlight, inFlight);
      const landed = () => {
        inFlight -= 1;
      };
      let isOver = false;
      signal.addEventListener("abort", () => {
        if (!isOver) landed();
        isOver = true;
      });
      await step("a read leaves");
      const found = String(version);
      await step("an answer arrives");
      if (!isOver) landed();
      isOver = true;
      return { content: { kind: "opaque", value: found }, version: found };
    },
    async write() {
      await step("a write is done");
      const written = write();
      await step("a write is acknowledged");
      return { version: written };
    },
    close: async () => {
      wakes = [];
    },
  };
  return { provider, watching: { ...provider, watch } as Provider, write, told, step, version: () => version };
}

const check = (predicate: (scheduler: fc.Scheduler) => Promise<void>) =>
  fc.assert(fc.asyncProperty(fc.scheduler(), predicate), { numRuns, seed });

const numberOf = (secret: Secret) => Number(secret.text());

type Reader = Pick<Awaited<ReturnType<typeof naive>>, "get" | "put">;

/** What most write first: a map, one flight, and a delete after a write. */
function naive(provider: Provider) {
  const held = new Map<string, number>();
  let flight: Promise<number> | undefined;
  const context = { signal: new AbortController().signal, deadlineAt: Number.POSITIVE_INFINITY, clock: manualClock() };
  return {
    get: async (): Promise<number> => {
      const known = held.get("a");
      if (known !== undefined) return known;
      flight ??= (async () => {
        const { version } = await provider.read({ path: "a" }, context);
        held.set("a", Number(version));
        flight = undefined;
        return Number(version);
      })();
      return flight;
    },
    put: async (): Promise<void> => {
      await provider.write?.({ path: "a" }, { kind: "opaque", value: "x" }, {}, context);
      held.delete("a");
    },
  };
}

/** Reads at any moment around a write: what is asked for after the write was acknowledged is what was written. */
async function readsAroundWrite(scheduler: fc.Scheduler, client: (provider: Provider) => Reader): Promise<boolean> {
  const { provider, step } = scheduledBackend(scheduler);
  const { get, put } = client(provider);
  let acknowledged = 1;
  let isRight = true;
  const read = async () => {
    await step("somebody asks");
    const least = acknowledged;
    if ((await get()) < least) isRight = false;
  };
  const write = async () => {
    await step("somebody writes");
    await put();
    acknowledged = 2;
  };
  const all = Promise.all([read(), read(), write(), read(), read(), read()]);
  await scheduler.waitIdle();
  await all;
  const last = get();
  await scheduler.waitIdle();
  return isRight && (await last) === 2;
}

describe("a write", () => {
  const ours = (provider: Provider): Reader => {
    const secrets = createSecrets({ providers: { m: provider }, clock: manualClock() });
    return { get: async () => numberOf(await secrets.get("m://a")), put: async () => void (await secrets.put("m://a", "x")) };
  };

  it("is what every read gets that is asked for after it, whatever was under way", async () => {
    await check(async (scheduler) => {
      expect(await readsAroundWrite(scheduler, ours)).toBe(true);
    });
    let wrong = 0;
    for (let run = 0; run < 100; run += 1) {
      const [scheduler] = fc.sample(fc.scheduler(), { numRuns: 1, seed: seed + run });
      if (!(await readsAroundWrite(scheduler as fc.Scheduler, naive))) wrong += 1;
    }
    console.log(`put versus read: ${numRuns} orders, none wrong; a map with a delete after the write: ${wrong} of 100 wrong`);
    expect(wrong).toBeGreaterThan(0);
  });

  it("is what is held after it, though a value was being read ahead", async () => {
    await check(async (scheduler) => {
      const { provider, step } = scheduledBackend(scheduler);
      const clock = manualClock();
      const secrets = createSecrets({ providers: { m: provider }, clock, random: () => 0.5, cache: { ttlMs: 1_000 } });
      const first = secrets.get("m://a");
      await scheduler.waitIdle();
      await first;
      await clock.advance(900);
      const ahead = step("somebody asks").then(() => secrets.get("m://a"));
      const written = step("somebody writes").then(() => secrets.put("m://a", "x"));
      await scheduler.waitIdle();
      await Promise.all([ahead, written]);
      const held = secrets.peek("m://a");
      expect(held === undefined || numberOf(held) === 2).toBe(true);
      const last = secrets.get("m://a");
      await scheduler.waitIdle();
      expect(numberOf(await last)).toBe(2);
    });
  });
});

describe("a refresh", () => {
  it("gives nothing that left the backend before it was asked for", async () => {
    await check(async (scheduler) => {
      const { provider, write, step, version } = scheduledBackend(scheduler);
      const secrets = createSecrets({ providers: { m: provider }, clock: manualClock() });
      const reads = [1, 2].map(() => step("somebody asks").then(() => secrets.get("m://a")));
      const writing = step("somebody else writes").then(write);
      const old: number[] = [];
      const refreshes = [1, 2].map(async () => {
        await step("somebody refreshes");
        const least = version();
        const got = numberOf(await secrets.refresh("m://a"));
        if (got < least) old.push(got);
      });
      await scheduler.waitIdle();
      await Promise.all([...reads, writing, ...refreshes]);
      expect(old).toEqual([]);
    });
  });
});

describe("a change that the backend tells", () => {
  it("never leads back to an older value, in handles and in reads after it", async () => {
    await check(async (scheduler) => {
      const { watching, write, step, told, version } = scheduledBackend(scheduler);
      const secrets = createSecrets({ providers: { m: watching }, clock: manualClock() });
      const opening = secrets.handle("m://a");
      await scheduler.waitIdle();
      const handle = await opening;
      const seen: number[] = [numberOf(handle.current)];
      const backwards: string[] = [];
      handle.onChange((current, previous) => {
        if (numberOf(current) <= numberOf(previous)) backwards.push(`${previous.text()} to ${current.text()}`);
        seen.push(numberOf(current));
      });
      const reads = [1, 2, 3].map(async () => {
        await step("somebody asks");
        const least = Math.max(told.version, numberOf(handle.current));
        const got = numberOf(await secrets.get("m://a"));
        if (got < least) backwards.push(`a read after ${least} gave ${got}`);
      });
      const writes = [1, 2].map(() => step("somebody else writes").then(write));
      await scheduler.waitIdle();
      await Promise.all([...reads, ...writes]);
      expect(backwards).toEqual([]);
      expect([numberOf(handle.current), seen.at(-1)]).toEqual([version(), version()]);
      expect(numberOf(await secrets.get("m://a"))).toBe(version());
      await secrets.close();
    });
  });

  it("is not missed by a handle that is being opened meanwhile, nor a write of its own client", async () => {
    await check(async (scheduler) => {
      const { provider, watching, write, step, version } = scheduledBackend(scheduler);
      const secrets = createSecrets({ providers: { told: watching, own: provider }, clock: manualClock() });
      const opening = [
        step("somebody opens").then(() => secrets.handle("told://a")),
        step("somebody opens").then(() => secrets.handle("own://a")),
        step("somebody asks").then(() => secrets.get("own://a")),
      ] as const;
      const writing = [
        step("somebody else writes").then(write),
        step("the client writes").then(() => secrets.put("own://a", "x")),
      ];
      await scheduler.waitIdle();
      const [told, own] = await Promise.all(opening);
      await Promise.all(writing);
      expect(numberOf(told.current)).toBe(version());
      // The other write may come after this client's own, and nobody tells of it.
      expect(numberOf(own.current)).toBeGreaterThanOrEqual(2);
      await secrets.close();
    });
  });
});

describe("the abort of the last caller", () => {
  it("never ends the wait of one who comes then, and never leaves two calls under way", async () => {
    await check(async (scheduler) => {
      const { provider, told, step } = scheduledBackend(scheduler);
      const secrets = createSecrets({ providers: { m: provider }, clock: manualClock() });
      const leaving = [new AbortController(), new AbortController()];
      const left = leaving.map(({ signal }) => step("somebody asks").then(() => secrets.get("m://a", { signal })));
      const aborts = leaving.map((ending) => step("somebody leaves").then(() => ending.abort()));
      const staying = [1, 2].map(() => step("somebody asks").then(() => secrets.get("m://a")));
      const settled = Promise.allSettled(left);
      await scheduler.waitIdle();
      await Promise.all(aborts);
      expect((await Promise.all(staying)).map(numberOf)).toEqual([1, 1]);
      for (const one of await settled) {
        if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "aborted" });
      }
      expect(told.mostInFlight).toBe(1);
    });
  });
});

describe("close", () => {
  it("ends everything that is under way, with a value or as closed, and holds nothing after it", async () => {
    await check(async (scheduler) => {
      const { watching, step, write } = scheduledBackend(scheduler);
      const clock = manualClock();
      const secrets = createSecrets({ providers: { m: watching }, clock });
      const work: (() => Promise<unknown>)[] = [
        () => secrets.get("m://a"),
        () => secrets.getMany(["m://a", "m://b"]),
        () => secrets.handle("m://a"),
        () => secrets.put("m://a", "x"),
        () => secrets.refresh("m://b"),
        () => secrets.use("m://a", () => Promise.reject(Object.assign(new Error("refused"), { status: 401 }))),
        async () => write(),
      ];
      const all = Promise.allSettled(work.map((begin) => step("something begins").then(begin)));
      const closing = step("the client is closed").then(() => secrets.close());
      await scheduler.waitIdle();
      await closing;
      for (const one of await all) {
        if (one.status === "fulfilled" || (one.reason instanceof Error && one.reason.message === "refused")) continue;
        expect(one.reason).toBeInstanceOf(SecretsError);
        const codes = isSecretsError(one.reason) ? [one.reason.code, ...(one.reason.errors ?? []).map(({ code }) => code)] : [];
        expect(new Set(codes)).toEqual(new Set(["closed"]));
      }
      expect(secrets.stats()).toMatchObject({ entries: 0, bytes: 0 });
      expect(clock.timers).toBe(0);
      await expect(secrets.get("m://a")).rejects.toMatchObject({ code: "closed" });
    });
  });

  it("between the arrival of an answer and its delivery leaves nothing held", async () => {
    for (let turns = 0; turns < 20; turns += 1) {
      let answer: (record: SecretRecord) => void = () => {};
      const provider: Provider = {
        kind: "m",
        features: { versions: false, stages: false, binary: false, leases: false },
        read: () =>
          new Promise((resolve) => {
            answer = resolve;
          }),
      };
      const secrets = createSecrets({ providers: { m: provider }, clock: manualClock() });
      const got = secrets.get("m://a").catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
      answer({ content: { kind: "opaque", value: "1" }, version: "1" });
      for (let turn = 0; turn < turns; turn += 1) await null;
      await Promise.all([got, secrets.close()]);
      expect(secrets.stats().entries).toBe(0);
    }
  });
});
