// What reading held values costs: node reads.ts, without the condition that leads to the sources, so that what is measured is what is built.
import { hold, row } from "./contest.ts";
import { handleCount, oursHandles, privateGetters } from "./handles.ts";
import { heldSecrets, shuffled } from "./held-secrets.ts";
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

const titled = (count: number) => `get, ${count === 1 ? "1 held key" : `${count} held keys, shuffled`}, ns`;

async function besideCaches(count: number): Promise<Row> {
  const keys = shuffled(count);
  const secrets = await heldSecrets(keys);
  const peers = [asyncMap(keys), lruCacheFetch(keys), await keyv(keys)];
  const taken = await hold({ ...nanoseconds, ours: ours(secrets, keys), peers });
  return row(`${titled(count)}: by a Map`, taken, ["keyhold get", "async function over a Map", "lru-cache fetch()", "keyv"], 1.5);
}

/** Apart from the caches, as these keep connections to a server. */
async function besideClients(count: number): Promise<Row> {
  const server = await startSecretServer(0);
  try {
    const keys = shuffled(count);
    const secrets = await heldSecrets(keys);
    const [first = ""] = keys;
    const alone = count === 1 ? [middySecretsManager(first, server.settings), plainSdk(first, server.settings)] : [];
    const peers = [powertools(keys, server.settings), ...alone];
    const taken = await hold({ ...nanoseconds, ours: ours(secrets, keys), peers });
    const others = alone.map(({ name }) => name);
    return row(`${titled(count)}: by Powertools`, taken, ["keyhold get", "Powertools", ...others], 1 / 2.5);
  } finally {
    server.close();
  }
}

async function peeks(count: number): Promise<Row> {
  const keys = shuffled(count);
  const secrets = await heldSecrets(keys);
  const taken = await hold({ ...nanoseconds, times: 200_000, ours: oursPeeked(secrets, keys), peers: [lruCacheGet(keys)] });
  return row(`${titled(count).replace("get", "peek")}`, taken, ["keyhold peek", "lru-cache get, ttl"], 2);
}

async function handles(): Promise<Row> {
  const keys = shuffled(handleCount);
  const secrets = await heldSecrets(keys);
  const open = keys.map((key) => secrets.handle(key as "aws://"));
  const contest = { ...nanoseconds, times: 1_000_000, ours: oursHandles(await Promise.all(open)), peers: [privateGetters()] };
  const taken = await hold(contest);
  await secrets.close();
  return row("handle.current, ns", taken, ["handle.current", "a #private getter"], 2);
}

/** Not promised, and shown: how a read grows with what is held. */
async function growth(count: number): Promise<Row> {
  const keys = shuffled(count);
  const secrets = await heldSecrets(keys, count > 1_000 ? { maxEntries: count } : {});
  const taken = await hold({ ...nanoseconds, times: 100_000, rounds: 15, ours: ours(secrets, keys), peers: [asyncMap(keys)] });
  return row(`get, ${count} keys, shuffled, ns`, taken, ["keyhold get", "async function over a Map"], null);
}

const rows = [
  await besideCaches(1),
  await besideCaches(1_000),
  await besideClients(1),
  await besideClients(1_000),
  await handles(),
  await peeks(1),
  await peeks(1_000),
  await growth(10),
  await growth(1_000),
  await growth(100_000),
];
process.send?.(rows);
