import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { median, type Row, rounded } from "./row.ts";

/** In the order of the row: ours, what it is compared with, and what stands beside it. */
const holders = ["keyhold", "lru-cache, ttl", "Map", "keyv"] as const;
const rounds = 3;

async function bytesPerEntry(who: string): Promise<number> {
  const child = fork(path.join(import.meta.dirname, "memory.ts"), [who], { execArgv: ["--expose-gc"] });
  const [bytes] = (await once(child, "message")) as [number];
  await once(child, "exit");
  return bytes;
}

/** What one held entry takes beyond its key and its value, each cache in a process of its own. */
export async function measureMemory(): Promise<Row> {
  const taken = new Map<string, number[]>(holders.map((who) => [who, []]));
  for (let round = 0; round < rounds; round += 1) for (const who of holders) taken.get(who)?.push(await bytesPerEntry(who));
  const of = (who: string) => median(taken.get(who) as number[]);
  return {
    name: "memory an entry beyond the strings, bytes",
    ours: rounded(of("keyhold")),
    peers: Object.fromEntries(holders.slice(1).map((who) => [who, rounded(of(who))])),
    ratio: rounded(of("keyhold") / of("lru-cache, ttl")),
    bound: 3,
  };
}
