import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createSecrets, type Handle, secret } from "@keyhold/core";
import { signature, webhook } from "@keyhold/core/webhook";
import { volume } from "@keyhold/kubernetes";
import { initStore, local } from "@keyhold/local";
import { tokenAuth, vault } from "@keyhold/vault";
import { afterAll, beforeAll, expect, it } from "vitest";
import { signed } from "../../packages/core/test/sending.ts";
import { writeMount } from "../../packages/kubernetes/test/kubelet-writer.ts";
import { enableKv } from "../servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../servers/openbao/start-openbao.ts";
import { writeFigure } from "./figures.ts";
import { watchStandstill } from "./standstill.ts";

const usualRounds = 10;
const toReachMs = 1_000;

const standstill = watchStandstill();
let bao: OpenBao;
const directory = realpathSync(mkdtempSync(path.join(tmpdir(), "keyhold-seen-")));
beforeAll(async () => {
  bao = await startOpenBao();
  await enableKv(bao, "kv", 2);
});
afterAll(async () => {
  standstill.end();
  await bao?.close();
  rmSync(directory, { recursive: true, force: true });
});

const openBao = () => vault({ address: bao.url, auth: tokenAuth(bao.rootToken), ...(bao.ca ? { tls: { ca: bao.ca } } : {}) });

const quantile = (times: readonly number[], share: number) =>
  [...times].sort((a, b) => a - b)[Math.min(times.length - 1, Math.floor(share * times.length))] as number;

const told = (what: string, times: readonly number[]) =>
  `${what} ${Math.ceil(quantile(times, 0.5))} ms, at most ${Math.ceil(Math.max(...times))} ms`;

const tookMs = (startedAt: number) => Math.max(0, performance.now() - startedAt - standstill.since(startedAt));

/** How long until `isSeen`, looking often. */
async function until(isSeen: () => boolean, limitMs: number): Promise<number> {
  const startedAt = performance.now();
  while (!isSeen()) {
    if (tookMs(startedAt) > limitMs) throw new Error(`not seen within ${limitMs} ms`);
    await delay(2);
  }
  return tookMs(startedAt);
}

/** Rotates again and again, and measures each time from the end of the write to the new value in the handle. */
async function measure(
  handle: Handle,
  field: string | undefined,
  rotate: (value: string) => Promise<unknown>,
  { limitMs = 10_000, rounds = usualRounds } = {},
) {
  const times: number[] = [];
  // What keeps the password that it read once.
  const once = handle.current.text();
  for (let round = 1; round <= rounds; round += 1) {
    const value = `${field ?? "whole"}-${round}`;
    await rotate(value);
    times.push(await until(() => handle.current.text() === value, limitMs));
  }
  expect(once).not.toBe(handle.current.text());
  return times;
}

it("a change is in use at once where the backend tells it: the local store and a mounted Secret", async () => {
  const [storePath, identityPath] = [path.join(directory, "store", "keyhold.age"), path.join(directory, "identity")];
  mkdirSync(path.dirname(storePath));
  await initStore({ path: storePath, identityPath });
  const [mine, other] = [0, 1].map(() => createSecrets({ providers: { local: local({ path: storePath, identityPath }) } }));
  await other!.put("local://db", "first");
  const stored = await measure(await mine!.handle("local://db"), undefined, (value) => other!.put("local://db", value));
  await Promise.all([mine!.close(), other!.close()]);

  const mounts = path.join(directory, "mounts");
  mkdirSync(mounts);
  writeMount(path.join(mounts, "db"), { password: "first" });
  const mounted = createSecrets({ providers: { volume: volume({ directory: mounts }) } });
  const handle = await mounted.handle("volume://db#password");
  const swapped = await measure(handle, "password", async (password) => writeMount(path.join(mounts, "db"), { password }));
  await mounted.close();

  console.log(`seen by watch: ${told("the local store", stored)}; ${told("a mounted Secret", swapped)}`);
  expect(Math.max(...stored, ...swapped)).toBeLessThanOrEqual(toReachMs);
  writeFigure(
    "seen",
    {
      figure: `by watch at most ${Math.ceil(Math.max(...stored, ...swapped))} ms`,
      control: "read once: never",
    },
    "1-watch",
  );
});

it("a change at OpenBao is in use at once by a signed event over HTTP", async () => {
  const key = randomBytes(32);
  const [mine, other] = [0, 1].map(() => createSecrets({ providers: { vault: openBao() } }));
  await other!.put("vault://kv/notified", { password: "first" });
  const server = createServer(webhook({ secrets: mine!, sender: signature({ key: secret(key) }) }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const rotate = async (password: string) => {
    await other!.put("vault://kv/notified", { password });
    const body = JSON.stringify({ reference: "vault://kv/notified" });
    void fetch(url, { method: "POST", headers: signed(key, body, password, Date.now()), body });
  };
  const times = await measure(await mine!.handle("vault://kv/notified#password"), "password", rotate);
  server.close();
  server.closeAllConnections();
  await Promise.all([mine!.close(), other!.close()]);
  console.log(`seen by notify: ${told("OpenBao", times)}`);
  expect(Math.max(...times)).toBeLessThanOrEqual(toReachMs);
  writeFigure("seen", { figure: `by notify ${Math.ceil(Math.max(...times))} ms` }, "2-notify");
});

it("a change at OpenBao is in use at once when the old value is refused", async () => {
  const [mine, other] = [0, 1].map(() => createSecrets({ providers: { vault: openBao() } }));
  const times: number[] = [];
  let accepted = "first";
  await other!.put("vault://kv/refused", { password: accepted });
  const handle = await mine!.handle("vault://kv/refused#password");
  for (let round = 1; round <= usualRounds; round += 1) {
    accepted = `refused-${round}`;
    await other!.put("vault://kv/refused", { password: accepted });
    const startedAt = performance.now();
    await mine!.use("vault://kv/refused#password", (password) => {
      if (password.text() !== accepted) throw Object.assign(new Error("refused"), { code: "28P01" });
    });
    times.push(tookMs(startedAt));
    expect(handle.current.text()).toBe(accepted);
  }
  await Promise.all([mine!.close(), other!.close()]);
  console.log(`seen by a refusal in use: ${told("OpenBao", times)}`);
  expect(Math.max(...times)).toBeLessThanOrEqual(toReachMs);
  writeFigure("seen", { figure: `by a refusal ${Math.ceil(Math.max(...times))} ms` }, "3-refusal");
});

it("a change at OpenBao is in use within the time to live where nobody tells it", async () => {
  const ttlMs = 10_000;
  const mine = createSecrets({ providers: { vault: openBao() }, cache: { ttlMs } });
  const other = createSecrets({ providers: { vault: openBao() } });
  await other.put("vault://kv/polled", { password: "first" });
  // A handle that nobody reads: only its own questions keep it new.
  const handle = await mine.handle("vault://kv/polled#password");
  const rotate = (password: string) => other.put("vault://kv/polled", { password });
  const times = await measure(handle, "password", rotate, { limitMs: 3 * ttlMs, rounds: 4 });
  const reads = mine.stats().misses;
  await Promise.all([mine.close(), other.close()]);
  console.log(`seen by polling: ${told("OpenBao", times)}, with a time to live of ${ttlMs} ms and ${reads} reads`);
  expect(Math.max(...times)).toBeLessThanOrEqual(ttlMs);
  writeFigure("seen", { figure: `by polling ${Math.ceil(Math.max(...times))} ms of a TTL of ${ttlMs} ms` }, "4-polling");
});
