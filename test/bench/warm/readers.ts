// Who reads a held value, each in a loop of its own. The peers stand here as their documentation makes them.
import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { Secrets } from "@keyhold/core";
import middy from "@middy/core";
import secretsManager from "@middy/secrets-manager";
import Keyv from "keyv";
import { LRUCache } from "lru-cache";
import type { Contender } from "./contest.ts";
import { secretText } from "./held-secrets.ts";
import { sink } from "./sink.ts";
import type { ServerSettings } from "./start-secret-server.ts";

type Aws = "aws://";

export function ours(secrets: Secrets<"aws">, keys: readonly string[]): Contender {
  return {
    name: "keyhold get",
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = await secrets.get(keys[turn % keys.length] as Aws);
    },
  };
}

export function oursPeeked(secrets: Secrets<"aws">, keys: readonly string[]): Contender {
  return {
    name: "keyhold peek",
    run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = secrets.peek(keys[turn % keys.length] as Aws);
    },
  };
}

/** What a program would write that needs no freshness, no bounds and no refreshing. */
export function asyncMap(keys: readonly string[]): Contender {
  const values = new Map(keys.map((key, index) => [key, { value: secretText(index) }]));
  const load = async (key: string) => {
    const loaded = { value: key };
    values.set(key, loaded);
    return loaded;
  };
  const read = async (key: string) => values.get(key) ?? load(key);
  return {
    name: "async function over a Map",
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = await read(keys[turn % keys.length] as string);
    },
  };
}

export function lruCacheGet(keys: readonly string[]): Contender {
  const cache = new LRUCache<string, object>({ max: keys.length, ttl: 300_000 });
  for (const [index, key] of keys.entries()) cache.set(key, { value: secretText(index) });
  return {
    name: "lru-cache get, ttl",
    run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = cache.get(keys[turn % keys.length] as string);
    },
  };
}

export function lruCacheFetch(keys: readonly string[]): Contender {
  const fetchMethod = async (key: string) => ({ value: key });
  const cache = new LRUCache<string, object>({ max: keys.length, ttl: 300_000, fetchMethod });
  for (const [index, key] of keys.entries()) cache.set(key, { value: secretText(index) });
  return {
    name: "lru-cache fetch()",
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = await cache.fetch(keys[turn % keys.length] as string);
    },
  };
}

export async function keyv(keys: readonly string[]): Promise<Contender> {
  const store = new Keyv();
  for (const [index, key] of keys.entries()) await store.set(key, secretText(index));
  return {
    name: "keyv",
    times: 1_000,
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = await store.get(keys[turn % keys.length] as string);
    },
  };
}

export function powertools(keys: readonly string[], settings: ServerSettings): Contender {
  const provider = new SecretsProvider({ clientConfig: settings });
  let filledAt = Number.NEGATIVE_INFINITY;
  return {
    name: "Powertools",
    // Its values are fresh for 5 s, so that they are fetched anew where a round could outlast them.
    async prepare() {
      if (performance.now() - filledAt < 3_000) return;
      await Promise.all(keys.map((key) => provider.get(key, { forceFetch: true })));
      filledAt = performance.now();
    },
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = await provider.get(keys[turn % keys.length] as string);
    },
  };
}

/** Its secrets come with the call of a handler, so that what is measured is a call of the smallest one. */
export function middySecretsManager(key: string, settings: ServerSettings): Contender {
  const handler = middy(async (_event: unknown, context: object) => (context as { secret?: unknown }).secret).use(
    secretsManager({ fetchData: { secret: key }, awsClientOptions: settings, setToContext: true }),
  ) as unknown as (event: unknown, context: unknown) => Promise<unknown>;
  return {
    name: "@middy/secrets-manager, a handler",
    times: 1_000,
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) sink.value = await handler({}, {});
    },
  };
}

/** Holds nothing: each read is a request. */
export function plainSdk(key: string, settings: ServerSettings): Contender {
  const client = new SecretsManagerClient(settings);
  return {
    name: "AWS SDK",
    times: 5,
    async run(times) {
      for (let turn = 0; turn < times; turn += 1) {
        const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: key }));
        sink.value = SecretString;
      }
    },
  };
}
