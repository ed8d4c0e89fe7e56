// What reading held values costs: node reads.ts, without the condition that leads to the sources, so that what is measured is what is built.
import { hold, row } from "./contest.ts";
import { handleCount, oursHandles, privateGetters } from "./handles.ts";
import { heldSecrets, referenceTo, shuffled } from "./held-secrets.ts";
import {
  asyncMap,
  keyv,
  lruCacheFetch,
  lruCacheGet,
  middySecretsManager,
  ours,
  oursPeeked,
  plainSdk,
  powertools,
} from "./readers.ts";
import type { Row } from "./row.ts";
import { startSecretServer } from "./start-secret-server.ts";

const nanoseconds = { rounds: 41, warmUpRounds: 8, times: 50_000, unit: 1 };

async function heldGets(count: number): Promise<Row[]> {
  const server = await startSecretServer(0);
  try {
    const keys = shuffled(count);
    const secrets = await heldSecrets(count);
    const [first = ""] = keys;
    const alone = count === 1 ? [middySecretsManager(first, server.settings), plainSdk(first, server.settings)] : [];
    const peers = [asyncMap(keys), lruCacheFetch(keys), powertools(keys, server.settings), await keyv(keys), ...alone];
    const taken = await hold({ ...nanoseconds, ours: ours(secrets, keys), peers });
    const others = alone.map(({ name }) => name);
    const title = `get, ${count === 1 ? "1 held key" : `${count} held keys, shuffled`}`;
    return [
      row(`${title}, ns: by a Map`, taken, ["keyhold get", "async function over a Map", "lru-cache fetch()"], 1.5),
      row(`${title}, ns: by Powertools`, taken, ["keyhold get", "Powertools", "keyv", ...others], 1 / 2.5),
    ];
  } finally {
    server.close();
  }
}

async function peeks(count: number): Promise<Row> {
  const keys = shuffled(count);
  const secrets = await heldSecrets(count);
  const taken = await hold({ ...nanoseconds, times: 200_000, ours: oursPeeked(secrets, keys), peers: [lruCacheGet(keys)] });
  return row(`peek, ${count} held keys, shuffled, ns`, taken, ["keyhold peek", "lru-cache get, ttl"], 2);
}

async function handles(): Promise<Row> {
  const secrets = await heldSecrets(handleCount);
  const open = Array.from({ length: handleCount }, (_none, index) => secrets.handle(referenceTo(index) as "aws://"));
  const contest = { ...nanoseconds, times: 1_000_000, ours: oursHandles(await Promise.all(open)), peers: [privateGetters()] };
  const taken = await hold(contest);
  await secrets.close();
  return row("handle.current, ns", taken, ["handle.current", "a #private getter"], 2);
}

/** Not promised, and shown: how a read grows with what is held. */
async function growth(count: number): Promise<Row> {
  const keys = shuffled(count);
  const secrets = await heldSecrets(count, count > 1_000 ? { maxEntries: count } : {});
  const taken = await hold({ ...nanoseconds, times: 100_000, rounds: 15, ours: ours(secrets, keys), peers: [asyncMap(keys)] });
  return row(`get, ${count} keys, shuffled, ns`, taken, ["keyhold get", "async function over a Map"], null);
}

const rows = [
  ...(await heldGets(1)),
  ...(await heldGets(1_000)),
  await handles(),
  await peeks(1),
  await peeks(1_000),
  await growth(10),
  await growth(1_000),
  await growth(100_000),
];
process.send?.(rows);
