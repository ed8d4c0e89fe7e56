// What one held entry takes beyond its strings: node --expose-gc memory.ts WHO. One cache a process, so that nothing else is in the heap.
import { createSecrets, type Provider } from "@keyhold/core";
import Keyv from "keyv";
import { LRUCache } from "lru-cache";
import { referenceTo, secretText } from "./held-secrets.ts";

const most = 100_000;
const keys = Array.from({ length: most }, (_none, index) => referenceTo(index));
const values = keys.map((_key, index) => secretText(index));

const backend: Provider = {
  kind: "bench",
  features: { versions: false, stages: false, binary: false, leases: false },
  read: async ({ path }) => ({
    content: { kind: "opaque", value: values[Number(path.slice(path.lastIndexOf("-") + 1))] as string },
    version: "1",
  }),
};

/** Each holds so many and gives what has to stay alive. */
const fills: Readonly<Record<string, (count: number) => Promise<unknown>>> = {
  async keyhold(count) {
    // Raised, as the default holds 1,000 entries; everything else is as it comes.
    const secrets = createSecrets({ providers: { aws: backend }, cache: { maxEntries: count, maxBytes: 2 ** 30 } });
    for (const key of keys.slice(0, count)) await secrets.get(key as "aws://");
    return secrets;
  },
  async "lru-cache, ttl"(count) {
    const cache = new LRUCache<string, string>({ max: count, ttl: 300_000 });
    for (const [index, key] of keys.slice(0, count).entries()) cache.set(key, values[index] as string);
    return cache;
  },
  async Map(count) {
    return new Map(keys.slice(0, count).map((key, index) => [key, values[index]]));
  },
  async keyv(count) {
    const store = new Keyv();
    for (const [index, key] of keys.slice(0, count).entries()) await store.set(key, values[index]);
    return store;
  },
};

/** What is alive now. Twice, with a turn between: finalisers and promises let go of things in the first. */
async function alive(): Promise<number> {
  for (let turn = 0; turn < 3; turn += 1) {
    (globalThis as { gc?: () => void }).gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const fill = fills[process.argv[2] ?? ""] as (count: number) => Promise<unknown>;
// Strings made by joining are laid flat when they are first looked up; that is no cost of the cache.
new Set([...keys, ...values]).clear();
// Nor is the code that is compiled when it runs for the first time.
await fill(most);
const before = await alive();
const kept = await fill(most);
process.send?.(((await alive()) - before) / most, () => process.exit(kept === undefined ? 1 : 0));
