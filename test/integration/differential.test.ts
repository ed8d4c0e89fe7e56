import type { Provider } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Servers, startServers } from "../servers/start-servers.ts";
import type { Rules } from "./differential/model.ts";
import { seed, sharedOperations } from "./differential/operations.ts";
import { runDifferential } from "./differential/run-differential.ts";
import { openProviders, type Providers } from "./providers.ts";

const steps = sharedOperations();
const names = new Set(steps.flatMap((step) => (step.kind === "list" ? [] : [step.name])));

const isEmpty = (bytes: Uint8Array) => bytes.byteLength === 0;
const rules: { readonly [Name in keyof Providers]: Rules } = {
  aws: { refusedPaths: /[^\w/+=.@-]/, refuses: isEmpty, conflictsLeaveVersions: true, timesInSeconds: true },
  azure: {
    path: (name) => name.replaceAll("/", "-"),
    refusedPaths: /[^0-9a-zA-Z-]/,
    removedNamesReserved: true,
    timesInSeconds: true,
  },
  gcp: { path: (name) => name.replaceAll("/", "_"), refusedPaths: /[^A-Za-z0-9_-]/ },
  vault: { path: (name) => `secret/${name}`, keptVersions: 10, removesNewestAlone: true },
  conjur: {
    refuses: (bytes) => /^\s*$/.test(Buffer.from(bytes).toString("latin1")),
    equalValueKept: true,
    keptVersions: 20,
  },
  local: { keptVersions: 20 },
};

let servers: Servers;
let opened: Awaited<ReturnType<typeof openProviders>>;
beforeAll(async () => {
  servers = await startServers();
  opened = await openProviders(servers);
  servers.conjur.seedPolicy([...names].map((name) => `- !variable ${JSON.stringify(name)}`).join("\n"));
});
afterAll(async () => {
  await opened?.close();
  await servers?.close();
});

describe(`${steps.length} random operations, seed ${seed}`, () => {
  it.for(Object.keys(rules) as (keyof Providers)[])("do to %s what they do to a model of it", async (name) => {
    const report = await runDifferential(opened.providers[name], rules[name], steps);
    console.log(`${name}: ${report.done} operations as the model, left out as unsupported: ${JSON.stringify(report.skipped)}`);
    expect(report.difference).toBeUndefined();
    const { aws, azure, google: gcp, conjur } = servers;
    const server: { readonly violations: readonly string[] } | undefined = { aws, azure, gcp, conjur }[name as string];
    expect(server?.violations ?? []).toEqual([]);
  });

  it.for([false, true])("do to memory what they do to a model of it, with fields: %s", async (fields) => {
    expect((await runDifferential(memory({ fields }), {}, steps)).difference).toBeUndefined();
  });

  it.for(Object.entries(wrongProviders()))("find out a provider that %s", async ([flaw, provider]) => {
    const { difference } = await runDifferential(provider, {}, steps);
    console.log(`control, ${flaw}: found at operation ${difference?.step}`);
    expect(difference?.step).toBeGreaterThan(0);
  });
});

/** Memory with one mistake each, as a driver could make it. */
function wrongProviders(): Readonly<Record<string, Provider>> {
  const listsRemoved = memory();
  const removed: string[] = [];
  const stale = memory();
  const firstReads = new Map<string, Awaited<ReturnType<Provider["read"]>>>();
  const unconditional = memory();
  const currentForAny = memory();
  return {
    "lists what was removed": {
      ...listsRemoved,
      async remove(locator, options, context) {
        await listsRemoved.remove!(locator, options, context);
        removed.push(locator.path);
      },
      async list(query, context) {
        const page = await listsRemoved.list!(query, context);
        return { items: [...page.items, ...removed.filter((path) => path.startsWith(query.prefix)).map((path) => ({ path }))] };
      },
    },
    "keeps what it read once": {
      ...stale,
      async read(locator, context) {
        const key = `${locator.path}?${locator.version}`;
        const record = firstReads.get(key) ?? (await stale.read(locator, context));
        firstReads.set(key, record);
        return record;
      },
    },
    "ignores ifVersion": {
      ...unconditional,
      write: (locator, content, { ifVersion: _, ...options }, context) =>
        unconditional.write!(locator, content, options, context),
    },
    "gives the current version for any": {
      ...currentForAny,
      read: ({ path }, context) => currentForAny.read({ path }, context),
    },
  };
}
