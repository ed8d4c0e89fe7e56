import { createSecrets, type Secret } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { appRoleAuth, vault } from "@keyhold/vault";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BackendName, type Backends, references, startBackends, value } from "./backends.ts";
import { type Tracked, tracked } from "./tracked.ts";

let backends: Backends;
beforeAll(async () => {
  backends = await startBackends();
});
afterEach(() => {
  for (const server of [backends.aws, backends.azure, backends.google, backends.conjur]) server.faults.clear();
});
afterAll(() => backends?.close());

/** Lets real answers come while simulated time stands still, and goes on in steps of a second between them, until `work` has its outcome. */
async function through<T>(clock: { advance(ms: number): Promise<void> }, provider: Tracked, work: Promise<T>): Promise<T> {
  let done = false;
  const mark = () => {
    done = true;
  };
  work.then(mark, mark);
  for (let turn = 0; turn < 15 && !done; turn += 1) {
    for (let round = 0; round < 3; round += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      await provider.idle();
    }
    if (!done) await clock.advance(1_000);
  }
  return work;
}

describe("an outage for hours", () => {
  it("of a Vault that is really sealed is served until maxStaleMs, then as an error that may pass, and ends by itself", async () => {
    const clock = manualClock();
    clock.setWall(Date.now());
    const provider = tracked(backends.open("vault"));
    const secrets = createSecrets({
      providers: { vault: provider },
      clock,
      random: () => 0.5,
      cache: { maxStaleMs: 2 * 3_600_000 },
    });
    const get = () => through(clock, provider, secrets.get(references.vault) as Promise<Secret>);
    expect((await get()).text()).toBe(value);
    const readAt = clock.monotonic();
    await backends.openbao.seal();
    try {
      for (let minute = 10; minute < 120; minute += 10) {
        await clock.advance(600_000);
        expect((await get()).text()).toBe(value);
      }
      await clock.advance(readAt + 300_000 + 2 * 3_600_000 - clock.monotonic());
      await expect(get()).rejects.toMatchObject({ code: "unavailable", retryable: true });
      console.log(`two hours sealed, read every ten minutes: ${provider.calls} upstream calls`);
      expect(provider.calls).toBeLessThanOrEqual(1 + 13 * 3);
    } finally {
      await backends.openbao.unseal();
    }
    await clock.advance(60_000);
    expect((await get()).text()).toBe(value);
    await secrets.close();
  });

  it.each([
    ["aws", 403, "permission-denied"],
    ["aws", 404, "not-found"],
    ["azure", 403, "permission-denied"],
    ["azure", 404, "not-found"],
    ["gcp-rest", 403, "permission-denied"],
    ["gcp-rest", 404, "not-found"],
    ["conjur", 403, "permission-denied"],
    ["conjur", 404, "not-found"],
  ] as const)("is none where %s answers %d: what is held is gone at once", async (name, status, code) => {
    const clock = manualClock();
    clock.setWall(Date.now());
    const provider = tracked(backends.open(name));
    const secrets = createSecrets({ providers: { [name]: provider }, clock, random: () => 0.5 });
    const get = () => through(clock, provider, secrets.get(references[name]) as Promise<Secret>);
    expect((await get()).text()).toBe(value);
    await clock.advance(301_000);
    const restore = refuse(name, status);
    try {
      await expect(get()).rejects.toMatchObject({ code, retryable: false });
      expect(secrets.peek(references[name])).toBeUndefined();
      await expect(get()).rejects.toMatchObject({ code });
    } finally {
      restore();
    }
    await clock.advance(5_000);
    expect((await get()).text()).toBe(value);
    await secrets.close();
  });
});

/** Has a server refuse every read until what it gives is called. */
function refuse(name: BackendName, status: number): () => void {
  if (name === "aws" && status === 403) return backends.aws.deny("GetSecretValue", "fault");
  if (name === "aws") {
    backends.aws.fail("ResourceNotFoundException", { times: 99 });
    return () => backends.aws.faults.clear();
  }
  const { faults } = { azure: backends.azure, conjur: backends.conjur }[name as "azure"] ?? backends.google;
  faults.next({ kind: "status", status }, { times: 99 });
  return () => faults.clear();
}

describe("a token that expires in flight", () => {
  const count = 20;
  const paths = Array.from({ length: count }, (_, index) => `flight-${index}`);

  it("is replaced by one sign-in for twenty reads of Azure, each of which is sent once more", async () => {
    for (const path of paths) backends.azure.seed(path, value);
    let signIns = 0;
    // The first token ends after three seconds, long before its holder thinks so.
    const getToken = async () => {
      signIns += 1;
      const exp = Math.floor(Date.now() / 1_000) + (signIns === 1 ? 3 : 3_600);
      return { token: await backends.tokens.mint({ exp }), expiresOnTimestamp: Date.now() + 3_600_000 };
    };
    const secrets = createSecrets({ providers: { azure: backends.open("azure", { getToken }) }, retry: false });
    await secrets.get(references.azure);
    const requests = backends.azure.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    const found = await secrets.getMany(paths.map((path) => `azure://${path}`));
    expect(found.map((secret) => secret.text())).toEqual(paths.map(() => value));
    expect(signIns).toBe(2);
    expect(backends.azure.requests.length - requests).toBeLessThanOrEqual(2 * count);
    await secrets.close();
  });

  it("is replaced by one sign-in for twenty reads of Conjur, each of which is sent once more", async () => {
    backends.conjur.seedPolicy(paths.map((path) => `- !variable ${path}`).join("\n"));
    for (const path of paths) backends.conjur.seed(path, value);
    const provider = tracked(backends.open("conjur"));
    const secrets = createSecrets({ providers: { conjur: provider }, retry: false });
    await secrets.get(references.conjur);
    const [requests, calls] = [backends.conjur.requests.length, provider.calls];
    backends.setConjurAhead(10 * 60_000);
    try {
      const found = await Promise.all(paths.map((path) => secrets.get(`conjur://${path}`)));
      expect(found.map((secret) => secret.text())).toEqual(paths.map(() => value));
    } finally {
      backends.setConjurAhead(0);
    }
    const sent = backends.conjur.requests.slice(requests).map(({ request }) => `${request.method} ${request.path}`);
    expect(sent.filter((line) => line.endsWith("/authenticate"))).toHaveLength(1);
    expect(sent.filter((line) => line.startsWith("GET /secrets")).length).toBeLessThanOrEqual(2 * (provider.calls - calls));
    await secrets.close();
  });

  it("is replaced by one login for twenty reads of Vault, whose token was really revoked", async () => {
    const { openbao, role } = backends;
    for (const path of paths) await openbao.call({ path: `secret/data/${path}`, body: { data: { value } } });
    const secrets = createSecrets({
      providers: { vault: vault({ address: openbao.url, auth: appRoleAuth(role) }) },
      retry: false,
    });
    const accessors = async (): Promise<string[]> =>
      (await openbao.call({ path: "auth/token/accessors?list=true", method: "GET" })).data.keys;
    const others = new Set(await accessors());
    await secrets.get(references.vault);
    const mine = (await accessors()).filter((accessor) => !others.has(accessor));
    expect(mine).toHaveLength(1);
    await openbao.call({ path: "auth/token/revoke-accessor", body: { accessor: mine[0] } });
    const found = await Promise.all(paths.map((path) => secrets.get(`vault://secret/${path}#value`)));
    expect(found.map((secret) => secret.text())).toEqual(paths.map(() => value));
    expect((await accessors()).filter((accessor) => !others.has(accessor))).toHaveLength(1);
    await secrets.close();
  });
});

describe("a secret that is rotated while it is held", () => {
  it("is read again once for two hundred users that it is refused to, and its old version stays readable", async () => {
    const provider = tracked(backends.open("aws"));
    const secrets = createSecrets({ providers: { aws: provider } });
    const other = createSecrets({ providers: { aws: backends.open("aws") } });
    await other.put("aws://rotated", "old");
    const old = (await secrets.get("aws://rotated")).version as string;
    await other.put("aws://rotated", "new");
    expect((await secrets.get("aws://rotated")).text()).toBe("old");
    const before = provider.calls;
    const signIn = async (credential: Secret) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (credential.text() !== "new") throw Object.assign(new Error("no"), { status: 401 });
      return "signed in";
    };
    const results = await Promise.all(Array.from({ length: 200 }, () => secrets.use("aws://rotated", signIn)));
    expect(new Set(results)).toEqual(new Set(["signed in"]));
    expect(provider.calls - before).toBe(1);
    expect((await secrets.get(`aws://rotated?version=${old}`)).text()).toBe("old");
    expect((await secrets.get("aws://rotated?stage=AWSPREVIOUS")).text()).toBe("old");
    await Promise.all([secrets.close(), other.close()]);
  });
});
