import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createSecrets, isSecretsError, type Secret } from "@keyhold/core";
import { findLeak, manualClock } from "@keyhold/testing";
import { tokenAuth, vault } from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { certificateAuthority } from "../servers/certificates.ts";
import type { FaultPlan } from "../servers/faults.ts";
import { type BackendName, type Backends, backendNames, references, startBackends, value } from "./backends.ts";
import { overrunOf } from "./overrun.ts";
import { tracked } from "./tracked.ts";

let backends: Backends;
beforeAll(async () => {
  backends = await startBackends();
});
afterEach(() => {
  for (const wire of Object.values(backends.wires)) wire.fault = undefined;
  for (const server of [backends.aws, backends.azure, backends.google, backends.conjur]) server.faults.clear();
});
afterAll(() => backends?.close());

/** Those whose server can answer by plan, and what it sees of a read of the secret. */
const planned = ["aws", "azure", "gcp-rest", "conjur"] as const;
type Planned = (typeof planned)[number];
const planOf = (name: Planned): FaultPlan =>
  ({ aws: backends.aws, azure: backends.azure, "gcp-rest": backends.google, conjur: backends.conjur })[name].faults;
const reads: Readonly<Record<Planned, RegExp>> = {
  aws: /^GetSecretValue /,
  azure: /^GET \/secrets\/fault/,
  "gcp-rest": /:access|AccessSecretVersion/,
  conjur: /^GET \/secrets\//,
};

/** A client whose time stands still, of one provider that counts its calls, signed in and with the secret held. */
async function holding(name: BackendName) {
  const clock = manualClock();
  // Tokens and certificates are of today.
  clock.setWall(Date.now());
  const provider = tracked(backends.open(name));
  const secrets = createSecrets({ providers: { [name]: provider }, clock, random: () => 0.5 });
  const get = (options = {}) => secrets.get(references[name], options) as Promise<Secret>;
  expect((await get()).text()).toBe(value);
  return { clock, provider, secrets, get };
}

/** Lets real answers come while simulated time stands still, until the client waits for its clock or has an outcome. */
const settled = async (provider: { idle(): Promise<void> }) => {
  for (let round = 0; round < 3; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    await provider.idle();
  }
};

describe("a storm of 429 and 503", () => {
  const statuses = [429, 503] as const;
  const asked: readonly (readonly [string, (now: number) => string, least: number, most: number])[] = [
    ["in seconds", () => "2", 2_000, 2_000],
    // A date has whole seconds only, and Google's REST transport compares it with the machine's clock, which goes on meanwhile.
    ["as a date", (now) => new Date(now + 8_000).toUTCString(), 2_000, 8_000],
    ["as garbage", () => "soon", 50, 150],
    ["not at all", () => "", 50, 150],
  ];
  const cases = planned.flatMap((name) =>
    statuses.flatMap((status) => asked.map(([how, header, least, most]) => ({ name, status, how, header, least, most }))),
  );

  it.each(cases)("$status from $name that says $how when to come back is asked again then, and not before", async (row) => {
    const { clock, provider, secrets, get } = await holding(row.name);
    const before = provider.calls;
    const header = row.header(clock.now());
    const headers: Record<string, string> = header === "" ? {} : { "retry-after": header };
    planOf(row.name).next({ kind: "status", status: row.status, headers }, { match: reads[row.name] });
    const fresh = get({ fresh: true });
    await settled(provider);
    expect(provider.calls - before).toBe(1);
    await clock.advance(row.least - 1);
    await settled(provider);
    expect(provider.calls - before).toBe(1);
    await clock.advance(row.most - row.least + 1);
    await settled(provider);
    expect(provider.calls - before).toBe(2);
    expect((await fresh).text()).toBe(value);
    await secrets.close();
  });

  it.each(planned)(
    "whose Retry-After outlasts the deadline is not waited for: %s's error comes at once, and the held value serves on",
    async (name) => {
      const { clock, provider, secrets, get } = await holding(name);
      const before = provider.calls;
      planOf(name).next({ kind: "status", status: 429, headers: { "retry-after": "3600" } }, { match: reads[name], times: 9 });
      await expect(get({ fresh: true })).rejects.toMatchObject({ code: "rate-limited", retryAfterMs: 3_600_000 });
      expect(clock.monotonic()).toBe(0);
      expect(provider.calls - before).toBe(1);
      await clock.advance(600_000);
      expect((await get()).text()).toBe(value);
      await secrets.close();
    },
  );
});

describe("an answer that breaks on its way", () => {
  it.each(backendNames.flatMap((name) => (["reset", "cut"] as const).map((end) => ({ name, end }))))(
    "$end near its end by $name is an outage: nothing partial is held, the old value is kept, the next read is whole",
    async ({ name, end }) => {
      const wire = backends.wires[name];
      const { clock, provider, secrets, get } = await holding(name);
      const whole = wire.bytesOfNewest;
      const cold = createSecrets({ providers: { [name]: backends.open(name) }, deadlineMs: 3_000, retry: false });
      wire.fault = { afterBytes: whole - 16, end };
      const outcome = await cold.get(references[name]).catch((error: unknown) => error);
      if (isSecretsError(outcome)) {
        expect(outcome).toMatchObject({ code: expect.stringMatching(/unavailable|timeout/), retryable: true });
        expect(cold.stats().entries).toBe(0);
      } else {
        // What breaks on a connection that was used before may be sent once more, over a new one.
        expect((outcome as Secret).text()).toBe(value);
      }
      wire.fault = { end };
      await clock.advance(310_000);
      const stale = get();
      for (let turn = 0; turn < 20; turn += 1) {
        await settled(provider);
        await clock.advance(1_000);
      }
      expect((await stale).text()).toBe(value);
      wire.fault = undefined;
      wire.breakAll();
      expect((await cold.get(references[name], { deadlineMs: 60_000 })).text()).toBe(value);
      await Promise.all([secrets.close(), cold.close()]);
    },
  );

  it.each(backendNames)("comes in pieces of seven bytes: %s's value is whole", async (name) => {
    backends.wires[name].fault = { sliceBytes: 7 };
    const { secrets } = await holding(name);
    await secrets.close();
  });

  it.each(
    planned.flatMap((name) =>
      (name === "conjur" ? (["html"] as const) : (["html", "invalid-json"] as const)).map((kind) => ({ name, kind })),
    ),
  )("arrives from $name as $kind with 200: a typed error without its text, and the old value is kept", async ({ name, kind }) => {
    const { secrets, get } = await holding(name);
    planOf(name).next({ kind }, { match: reads[name] });
    const error = await get({ fresh: true }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "decode", retryable: false });
    expect(findLeak(error, [value, "Sign in to the network"])).toBeUndefined();
    expect(secrets.peek(references[name])?.text()).toBe(value);
    expect((await get()).text()).toBe(value);
    await secrets.close();
  });

  // Conjur's answer is the value itself, whatever it looks like.
  it.each(["aws", "azure", "gcp-rest"] as const)(
    "is of the wrong type from %s: a typed error, and the old value is kept",
    async (name) => {
      const { clock, secrets, get } = await holding(name);
      planOf(name).next({ kind: "status", status: 200, body: JSON.stringify([value]) }, { match: reads[name] });
      const failed = get({ fresh: true }).catch((thrown: unknown) => thrown);
      await expect.poll(() => planOf(name).pending).toBe(0);
      // Whoever makes nothing of it has the deadline to end it.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await clock.advance(10_000);
      const error = await failed;
      expect(isSecretsError(error, "decode", "timeout")).toBe(true);
      expect(findLeak(error, [value])).toBeUndefined();
      expect(secrets.peek(references[name])?.text()).toBe(value);
      await secrets.close();
    },
  );
});

describe("a name that does not resolve", () => {
  const dns = process.getBuiltinModule("node:dns");
  const open = (deadlineMs = 60_000) =>
    createSecrets({
      providers: { vault: vault({ address: "https://vault.example", auth: tokenAuth("x") }) },
      deadlineMs,
      retry: false,
    });
  afterEach(() => void vi.restoreAllMocks());

  it.each(["ENOTFOUND", "EAI_AGAIN"])("(%s) is an outage", async (code) => {
    vi.spyOn(dns, "lookup").mockImplementation(((_host: string, _options: object, callback: (error: Error) => void) => {
      setImmediate(callback, Object.assign(new Error(`getaddrinfo ${code}`), { code, syscall: "getaddrinfo" }));
    }) as never);
    const secrets = open();
    await expect(secrets.get("vault://secret/fault")).rejects.toMatchObject({ code: "unavailable", retryable: true });
    await secrets.close();
  });

  it("or whose resolution hangs ends at the deadline", async () => {
    vi.spyOn(dns, "lookup").mockImplementation((() => {}) as never);
    const secrets = open(300);
    const overrun = overrunOf(300);
    await expect(secrets.get("vault://secret/fault")).rejects.toMatchObject({ code: "timeout" });
    expect(await overrun()).toBeLessThan(1_000);
    await secrets.close();
  });
});

describe("a server that shows another certificate", () => {
  it.each(
    (["azure", "gcp", "gcp-rest", "conjur"] as const).flatMap((name) =>
      (["expired", "of another authority"] as const).map((what) => ({ name, what })),
    ),
  )(
    "$what in place of $name's is never asked, also not by a second try, while the held value serves on",
    async ({ name, what }) => {
      const { clock, provider, secrets, get } = await holding(name);
      const authority = await certificateAuthority();
      const { cert, key } = await authority.issue({ expired: what === "expired" });
      let requests = 0;
      const impostor = createHttpsServer({ cert, key, ALPNProtocols: ["h2", "http/1.1"] }, (_request, response) => {
        requests += 1;
        response.end(JSON.stringify({ value: "forged" }));
      });
      await new Promise<void>((resolve) => impostor.listen(0, "127.0.0.1", resolve));
      const wire = backends.wires[name];
      const target = wire.target;
      wire.target = (impostor.address() as AddressInfo).port;
      wire.breakAll();
      try {
        const cold = createSecrets({ providers: { [name]: backends.open(name) }, deadlineMs: 60_000 });
        const connections = wire.connections;
        await expect(cold.get(references[name])).rejects.toMatchObject({ code: "unavailable" });
        if (name !== "gcp") expect(wire.connections - connections).toBe(1);
        await cold.close();
        await clock.advance(310_000);
        const stale = get();
        for (let turn = 0; turn < 12; turn += 1) {
          await settled(provider);
          await clock.advance(1_000);
        }
        expect((await stale).text()).toBe(value);
        expect(requests).toBe(0);
      } finally {
        wire.target = target;
        wire.breakAll();
        await secrets.close();
        impostor.close();
      }
    },
  );
});

describe("Vault's states of health", () => {
  // Nobody waits for a Vault that was never initialised.
  it.each([
    [472, true],
    [473, true],
    [474, true],
    [501, false],
    [503, true],
    [530, true],
  ])("%d to a read is never an absence or a refusal; that it may pass: %s", async (status, retryable) => {
    const server = createHttpServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ errors: ["Vault is sealed"], sealed: true, standby: true }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const provider = vault({
      address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      auth: tokenAuth("x"),
      mounts: { secret: 2 },
    });
    const secrets = createSecrets({ providers: { vault: provider }, retry: false });
    const error = await secrets.get("vault://secret/fault").catch((thrown: unknown) => thrown);
    expect(isSecretsError(error, "unavailable", "unknown")).toBe(true);
    if (retryable) expect(error).toMatchObject({ code: "unavailable", retryable });
    await secrets.close();
    server.closeAllConnections();
    server.close();
  });
});
