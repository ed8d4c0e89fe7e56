import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { createSecrets, type SecretsEvent } from "@keyhold/core";
import { tokenAuth, vault } from "@keyhold/vault";
import { expect, it } from "vitest";
import { startCountingProxy } from "./counting-proxy.ts";
import { startDatabaseLogins } from "./database-logins.ts";

const path = "database/creds/app";

interface Seen {
  readonly versions: readonly string[];
  readonly held: string;
  readonly login: unknown;
  readonly lapses: readonly string[];
}

it("recovers from being frozen for longer than its lease with one new login for two hundred callers and a handle, and no burst", async () => {
  const logins = await startDatabaseLogins({ ttlSeconds: 18, maxTtlSeconds: 3_600 });
  const proxy = await startCountingProxy(logins.bao.url);
  const program = fileURLToPath(new URL("children/lease-child.ts", import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@keyhold/source", program, proxy.url, logins.bao.rootToken], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const ask = async (): Promise<Seen> => {
    child.stdin.write("\n");
    return JSON.parse((await once(lines, "line"))[0]);
  };
  const reads = () => proxy.requests.filter((request) => request.path === path).length;
  try {
    const first = await ask();
    expect(await logins.signIn(first.login)).toBeUndefined();
    // It is renewed meanwhile, with a third of it left for a machine that stands still.
    await delay(15_000);
    expect(await ask()).toMatchObject({ versions: first.versions, lapses: [] });
    expect(reads()).toBe(1);

    child.kill("SIGSTOP");
    for (let tries = 0; (await logins.leases()).length > 0 && tries < 300; tries += 1) await delay(200);
    expect(await logins.leases()).toEqual([]);
    expect(await logins.signIn(first.login)).toBe("28P01");
    const before = proxy.requests.length;
    child.kill("SIGCONT");
    const after = await ask();
    expect(after.versions).toHaveLength(1);
    expect(after.versions).not.toEqual(first.versions);
    expect(await logins.signIn(after.login)).toBeUndefined();
    expect(await ask()).toMatchObject({ versions: after.versions, held: after.versions[0] });
    await delay(1_500);
    const sent = proxy.requests.slice(before).map((request) => request.path);
    console.log(
      `frozen for longer than the lease, then 200 callers at once: ${reads() - 1} login, ${sent.length} requests in all`,
    );
    expect(reads()).toBe(2);
    // The login, and perhaps one renewal that was due before it was frozen.
    expect(sent.length).toBeLessThanOrEqual(3);
    expect(after.lapses.length).toBeLessThanOrEqual(1);

    child.stdin.end();
    await once(child, "exit");
    expect([await logins.leases(), await logins.users()]).toEqual([[], []]);
  } finally {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await Promise.all([proxy.close(), logins.close()]);
  }
});

it("finds a server again that was killed and started anew on raft, with its lease intact", async () => {
  const logins = await startDatabaseLogins({ ttlSeconds: 75, maxTtlSeconds: 3_600 }, { storage: "raft" });
  const { bao } = logins;
  const events: SecretsEvent[] = [];
  const onEvent = (event: SecretsEvent) => void events.push(event);
  const secrets = createSecrets({
    providers: { vault: vault({ address: bao.url, auth: tokenAuth(bao.rootToken) }) },
    deadlineMs: 3_000,
    onEvent,
  });
  const reference = `vault://${path}`;
  try {
    const handle = await secrets.handle(reference);
    const { version, current } = handle;
    const [endsAt] = [secrets.lapsesAt(reference) as number];
    await bao.kill();
    // Until a renewal has failed, and is tried again and again.
    for (let tries = 0; !events.some(({ type }) => type === "renewal-failed") && tries < 600; tries += 1) await delay(100);
    expect(events.map(({ type }) => type)).toContain("renewal-failed");
    expect(handle.current).toBe(current);
    await bao.restart();
    for (let tries = 0; (secrets.lapsesAt(reference) as number) <= endsAt + 1_000 && tries < 600; tries += 1) await delay(100);
    expect(secrets.lapsesAt(reference)).toBeGreaterThan(endsAt + 1_000);
    expect(handle.version).toBe(version);
    expect(await logins.signIn(handle.current.json())).toBeUndefined();
    expect(await logins.leases()).toHaveLength(1);
    const failed = events.filter(({ type }) => type === "renewal-failed").length;
    console.log(
      `OpenBao killed and started again on raft: the same lease goes on, after ${failed} renewals that found no server`,
    );
    expect(events.filter(({ type }) => type === "lapsed")).toEqual([]);
    await secrets.close();
    expect([await logins.leases(), await logins.users()]).toEqual([[], []]);
  } finally {
    await secrets.close();
    await logins.close();
  }
});
