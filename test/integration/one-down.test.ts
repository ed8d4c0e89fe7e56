import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Clock, createSecrets, isSecretsError, type Provider, type Secret, type SecretsError } from "@keyhold/core";
import { manualClock } from "@keyhold/testing";
import { tokenAuth, vault } from "@keyhold/vault";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FaultPlan } from "../servers/faults.ts";
import { type Servers, startServers } from "../servers/start-servers.ts";
import { openProviders } from "./providers.ts";

const deadlineMs = 1_000;
const references = {
  aws: "aws://one-down",
  azure: "azure://one-down",
  gcp: "gcp://one-down",
  vault: "vault://secret/one-down#value",
  conjur: "conjur://one-down",
  local: "local://one-down",
} as const;
type Name = keyof typeof references;
const names = Object.keys(references) as readonly Name[];

let servers: Servers;
let opened: Awaited<ReturnType<typeof openProviders>>;
const silent = createServer((socket) => sockets.add(socket));
const sockets = new Set<Socket>();

beforeAll(async () => {
  servers = await startServers();
  opened = await openProviders(servers);
  servers.conjur.seedPolicy("- !variable one-down");
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const secrets = client();
  for (const name of names) {
    if (name === "vault") await secrets.put("vault://secret/one-down", { value: name });
    else await secrets.put(references[name], name);
  }
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  silent.close();
  await opened?.close();
  await servers?.close();
});

/** Holds nothing: each `getMany` asks all six. Not closed, as that would close the providers. */
const client = (changes: Partial<Record<Name, Provider>> = {}, clock?: Clock) =>
  createSecrets({ providers: { ...opened.providers, ...changes }, cache: { ttlMs: 0, maxStaleMs: 0 }, ...(clock && { clock }) });

/** Lets one provider's service hear and never answer. Gives the providers to use, and what ends it. */
function hang(name: Name): { readonly changes: Partial<Record<Name, Provider>>; end(): void } {
  const plans: { readonly [Plan in Name]?: FaultPlan } = {
    aws: servers.aws.faults,
    azure: servers.azure.faults,
    gcp: servers.google.faults,
    conjur: servers.conjur.faults,
  };
  const plan = plans[name];
  plan?.next({ kind: "hang" }, { times: 100 });
  if (plan) return { changes: {}, end: () => plan.clear() };
  // OpenBao itself cannot be made to hang, so the provider calls somebody who listens and says nothing.
  const { port } = silent.address() as AddressInfo;
  const provider = vault({ address: `http://127.0.0.1:${port}`, auth: tokenAuth("any token") });
  return { changes: { vault: provider }, end: () => void provider.close?.() };
}

const summary = (found: Readonly<Record<Name, Secret | SecretsError>>) =>
  Object.fromEntries(
    names.map((name) => [name, isSecretsError(found[name]) ? found[name].code : (found[name] as Secret).text()]),
  );
const allThere = Object.fromEntries(names.map((name) => [name, name]));

it("six providers answer one call", async () => {
  expect(summary(await client().getMany(references, { settle: true }))).toEqual(allThere);
});

it.for(["aws", "azure", "gcp", "vault", "conjur"] as const)(
  "while %s hangs, the other five give their values, and it a timeout at the deadline",
  async (name) => {
    const { changes, end } = hang(name);
    // Simulated time stands still until the five have answered, however busy the machine is.
    const clock = manualClock();
    clock.setWall(Date.now());
    try {
      const [ours, naives] = [client(changes, clock), client(changes, clock)];
      // All in one, as most would write it: whoever fails takes the other five with it.
      const naive = Promise.all(names.map((one) => naives.get(references[one], { deadlineMs }))).catch(() => []);
      let isOver = false;
      const asked = ours.getMany(references, { settle: true, deadlineMs }).finally(() => {
        isOver = true;
      });
      await expect.poll(() => [ours.stats().misses, naives.stats().misses]).toEqual([5, 5]);
      await clock.advance(deadlineMs - 1);
      expect(isOver).toBe(false);
      await clock.advance(1);
      const found = await asked;
      const values = names.filter((one) => !isSecretsError(found[one])).length;
      const naiveValues = (await naive).length;
      console.log(`${name} hangs: ${values} values at the deadline; control, Promise.all: ${naiveValues} values`);
      expect(summary(found)).toEqual({ ...allThere, [name]: "timeout" });
      expect(found[name]).toMatchObject({ provider: name, reference: references[name], retryable: true });
      expect(naiveValues).toBe(0);
    } finally {
      end();
    }
  },
);
