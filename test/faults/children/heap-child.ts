// Reads a million times over a hundred thousand keys, and tells how large the heap was in each tenth of it, in bytes.
import { createSecrets } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { seededRandom } from "../random.ts";

const [reads, keys, samples] = [1_000_000, 100_000, 20];
const random = seededRandom(1);
const inner = memory();
const provider = {
  ...inner,
  readMany: undefined,
  read: async ({ path }: { path: string }) => ({ content: { kind: "opaque" as const, value: `value of ${path}` }, version: "1" }),
};
const secrets = createSecrets({ providers: { m: provider } });
const heapBytes = () => {
  (globalThis as unknown as { gc(): void }).gc();
  return process.memoryUsage().heapUsed;
};
const tenths: number[] = [];
for (let tenth = 0; tenth < 10; tenth += 1) {
  const sizes: number[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    for (let read = 0; read < reads / 10 / samples; read += 1) await secrets.get(`m://key-${Math.floor(random() * keys)}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
    sizes.push(heapBytes());
  }
  tenths.push(sizes.reduce((sum, size) => sum + size, 0) / samples);
}
console.log(JSON.stringify({ tenths, entries: secrets.stats().entries }));
await secrets.close();
