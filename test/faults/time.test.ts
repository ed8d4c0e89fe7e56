import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { aws } from "@keyhold/aws";
import { aws as leanAws } from "@keyhold/aws/lean";
import { type Clock, callContext, createSecrets, type Secret } from "@keyhold/core";
import { manualClock, memory } from "@keyhold/testing";
import { tokenAuth, vault } from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type AwsServer, startAws } from "../servers/aws/start-aws.ts";
import { startVersions, type Versions } from "./start-versions.ts";
import { tracked } from "./tracked.ts";

const quarterMs = 15 * 60_000;
let versions: Versions;
beforeAll(async () => {
  versions = await startVersions();
});
afterEach(() => {
  versions.reads = 0;
});
afterAll(() => versions?.close());

const start = (name: string): ChildProcess =>
  spawn(
    process.execPath,
    ["--conditions=@keyhold/source", fileURLToPath(new URL(`children/${name}`, import.meta.url)), versions.url],
    {
      stdio: ["pipe", "pipe", "inherit"],
    },
  );

const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`);

/** Fifty keys that a client holds, and a way to have two hundred callers ask for each. */
async function holdingFifty(clock: Clock, settle: () => Promise<void>) {
  const { readMany: _oneByOne, ...inner } = memory({ secrets: Object.fromEntries(keys.map((key) => [key, "value"])) });
  const provider = tracked(inner);
  const secrets = createSecrets({ providers: { m: provider }, clock, random: () => 0.5 });
  const readAll = async (callers = 200): Promise<number> => {
    const before = provider.calls;
    const reads = keys.flatMap((key) => Array.from({ length: callers }, () => secrets.get(`m://${key}`)));
    await settle();
    await Promise.all(reads);
    return provider.calls - before;
  };
  expect(await readAll(1)).toBe(50);
  return { provider, secrets, readAll };
}

describe("a wall clock that is wrong", () => {
  let server: AwsServer;
  beforeAll(async () => {
    server = await startAws();
    const provider = aws({ endpoint: server.url, region: server.region, credentials: server.credentials });
    await provider.write!({ path: "skewed" }, { kind: "opaque", value: "value" }, {}, callContext());
    await provider.close?.();
  });
  afterAll(() => server?.close());

  // The signature that a wrong clock made is refused once, and made anew with the time that the refusal came with.
  it.each([
    ["AWS's SDK", aws, -quarterMs],
    ["AWS's SDK", aws, quarterMs],
    ["the lean transport", leanAws, -quarterMs],
    ["the lean transport", leanAws, quarterMs],
  ] as const)(
    "costs %s one refused signature at the most, and no caller a failure, when it is off by a quarter of an hour either way",
    async (name, open, offsetMs) => {
      const provider = open({ endpoint: server.url, region: server.region, credentials: server.credentials });
      const secrets = createSecrets({ providers: { aws: provider }, cache: { ttlMs: 0, maxStaleMs: 0, negativeMs: 0 } });
      server.setClockOffset(offsetMs);
      try {
        const requests = server.requests.length;
        const codeOf = (read: Promise<Secret>) =>
          read.then(
            (secret) => secret.text(),
            (error: { code: string }) => error.code,
          );
        const first = await codeOf(secrets.get("aws://skewed"));
        const later: string[] = [];
        for (let turn = 0; turn < 20; turn += 1) later.push(await codeOf(secrets.get("aws://skewed")));
        const more = server.requests.length - requests - 21;
        console.log(
          `${name}, clock off by ${offsetMs / 60_000} min: the first read gave ${first}, ${more} requests more than reads`,
        );
        expect(first).toBe("value");
        expect(later).toEqual(later.map(() => "value"));
        expect(more).toBeLessThanOrEqual(1);
      } finally {
        server.setClockOffset(0);
        await secrets.close();
      }
    },
  );

  it("and jumps ahead has what is held read again, once a key, by however many callers", async () => {
    const clock = manualClock();
    const { provider, secrets, readAll } = await holdingFifty(clock, () => clock.advance(1));
    clock.setWall(clock.now() + quarterMs);
    expect(await readAll()).toBe(50);
    expect(provider.mostInFlight).toBeLessThanOrEqual(32);
    expect(await readAll()).toBe(0);
    await secrets.close();
  });

  it("and jumps back makes nothing live longer: the monotonic clock goes on", async () => {
    const clock = manualClock();
    const { secrets, readAll } = await holdingFifty(clock, () => clock.advance(1));
    clock.setWall(clock.now() - quarterMs);
    expect(await readAll()).toBe(0);
    await clock.advance(300_000);
    expect(await readAll()).toBe(50);
    await secrets.close();
  });
});

describe("a process that is frozen and thawed", () => {
  it("with its monotonic clock standing still reads once a key what has expired meanwhile", async () => {
    const clock = manualClock();
    const { provider, secrets, readAll } = await holdingFifty(clock, () => clock.advance(1));
    clock.setWall(clock.now() + 60 * 60_000);
    expect(await readAll()).toBe(50);
    expect(provider.mostInFlight).toBeLessThanOrEqual(32);
    await secrets.close();
  });

  it("by SIGSTOP and SIGCONT gives a thousand callers the new value by one read", async () => {
    const child = start("thaw-child.ts");
    const ask = async (): Promise<string[]> => {
      const answer = once(child.stdout!, "data");
      child.stdin!.write("\n");
      return JSON.parse(String((await answer)[0]));
    };
    try {
      expect(await ask()).toEqual(["1"]);
      expect(versions.reads).toBe(1);
      child.kill("SIGSTOP");
      const answer = once(child.stdout!, "data");
      child.stdin!.write("\n");
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      expect(versions.reads).toBe(1);
      child.kill("SIGCONT");
      expect(JSON.parse(String((await answer)[0]))).toEqual(["2"]);
      expect(versions.reads).toBe(2);
    } finally {
      child.kill("SIGCONT");
      child.kill("SIGKILL");
    }
  });
});

describe("an event loop that is blocked", () => {
  it("for thirty seconds brings no storm: what expired is read once a key", async () => {
    // Both clocks go on while no timer fires; then all that are due fire late.
    const inner = manualClock();
    let blockedMs = 0;
    const clock: Clock = {
      now: () => inner.now() + blockedMs,
      monotonic: () => inner.monotonic() + blockedMs,
      setTimer: (callback, delayMs, options) => inner.setTimer(callback, delayMs, options),
    };
    const { provider, secrets, readAll } = await holdingFifty(clock, () => inner.advance(1));
    await inner.advance(290_000);
    expect(await readAll()).toBe(50);
    await inner.advance(280_000);
    blockedMs += 30_000;
    expect(await readAll()).toBe(50);
    expect(await readAll()).toBe(0);
    expect(provider.mostInFlight).toBeLessThanOrEqual(32);
    await secrets.close();
  });

  it("for longer than a value's freshness, really, has it read once by a thousand callers", async () => {
    const provider = vault({ address: versions.url, auth: tokenAuth("x"), mounts: { secret: 2 } });
    const secrets = createSecrets({ providers: { vault: provider }, cache: { ttlMs: 800 } });
    const versionsSeen = async () => {
      const reads = await Promise.all(Array.from({ length: 1_000 }, () => secrets.get("vault://secret/fault")));
      return [...new Set(reads.map(({ version }) => version))];
    };
    expect(await versionsSeen()).toEqual(["1"]);
    const until = performance.now() + 1_200;
    while (performance.now() < until);
    expect(await versionsSeen()).toEqual(["2"]);
    expect(versions.reads).toBe(2);
    await secrets.close();
  });
});

it("a cluster of three processes makes one call each for a thousand callers each, before and after expiry", async () => {
  const child = start("cluster-child.ts");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  expect(versions.reads).toBe(6);
});
