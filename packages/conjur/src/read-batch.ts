import {
  type CallContext,
  isSecretsError,
  type Locator,
  type SecretRecord,
  type SecretsError,
  throwIfEnded,
} from "@keyhold/core";
import { toRecord } from "./read-variable.ts";
import type { Transport } from "./transport.ts";
import { fullId, listVariables, type Variable } from "./variables.ts";

type Outcome = SecretRecord | SecretsError;

/** A batch takes three requests however many it reads, a variable alone two: from here on it is the lesser number by far. */
const leastForBatch = 4;

/** Servers and proxies take a URL of 8 KB. */
const longestIds = 4_000;

/** As many as an answer of usual size holds; those of a longer list are read one by one. */
const indexed = 500;

/** How many are read one by one at a time: each takes a connection. */
const atOnce = 16;

/** What a batch, or a list, fails with because of one variable or of how many they are. */
const codesOfOne = ["permission-denied", "not-found", "decode", "invalid-argument"] as const;

const cannotBatch = ({ path, version, stage }: Locator) => version !== undefined || stage !== undefined || path.includes(",");

function commonStart(paths: readonly string[]): string {
  let start = paths[0] ?? "";
  for (const path of paths) while (!path.startsWith(start)) start = start.slice(0, -1);
  return start;
}

function chunksOf(paths: readonly string[], transport: Transport): string[][] {
  const chunks: string[][] = [];
  let room = 0;
  for (const path of paths) {
    const length = encodeURIComponent(`${fullId(transport, path)},`).length;
    if (length > room) {
      chunks.push([]);
      room = longestIds;
    }
    chunks.at(-1)?.push(path);
    room -= length;
  }
  return chunks;
}

/** Conjur breaks base64 into lines. What is none is left out, and read by itself. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  const text = value.replaceAll(/\s/g, "");
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? Uint8Array.from(bytes) : undefined;
}

type Values = ReadonlyMap<string, Uint8Array>;

/** The values of one batch, by path. @throws SecretsError for all of them if one may not be read, or is not there. */
async function batchOf(transport: Transport, paths: readonly string[], context: CallContext): Promise<Values> {
  const ids = paths.map((path) => fullId(transport, path));
  const response = await transport.send(
    "read",
    // Only these very words give bytes: a list that has them among others gives text, or 406.
    { path: "/secrets", query: { variable_ids: ids.join(",") }, headers: { "accept-encoding": "base64" } },
    context,
  );
  // A proxy that asks in its own words gets text, which cannot be told from base64 by looking at it.
  if (response.header("content-encoding")?.toLowerCase() !== "base64") return new Map();
  const answer = new Map(Object.entries(response.json() ?? {}));
  const values = new Map<string, Uint8Array>();
  paths.forEach((path, index) => {
    const bytes = bytesOf(answer.get(ids[index] as string));
    if (bytes !== undefined) values.set(path, bytes);
  });
  return values;
}

/** As many values as batches give: one that fails is halved, until what spoils it is alone and is left out. */
async function valuesOf(transport: Transport, paths: readonly string[], context: CallContext): Promise<Values> {
  try {
    return await batchOf(transport, paths, context);
  } catch (error) {
    if (!isSecretsError(error, ...codesOfOne)) throw error;
    if (paths.length < leastForBatch) return new Map();
    const middle = Math.ceil(paths.length / 2);
    const halves = [paths.slice(0, middle), paths.slice(middle)];
    return new Map((await Promise.all(halves.map((half) => valuesOf(transport, half, context)))).flatMap((half) => [...half]));
  }
}

/** What Conjur shows of those variables that have a value, by path: one page of them, as the rest is better read alone. */
async function indexOf(transport: Transport, prefix: string, context: CallContext): Promise<Map<string, Variable>> {
  try {
    const { variables } = await listVariables(transport, { prefix, offset: 0, limit: indexed }, context);
    return new Map(variables.filter(({ versions }) => versions.length > 0).map((variable) => [variable.path, variable]));
  } catch (error) {
    if (!isSecretsError(error, ...codesOfOne)) throw error;
    return new Map();
  }
}

/**
 * Reads the current values of `paths` by batch. A batch has no versions, so Conjur shows them before and after it: a variable that
 * changed in between is left out, like all that cannot be had this way.
 */
async function readCurrent(
  transport: Transport,
  paths: readonly string[],
  context: CallContext,
): Promise<Map<string, SecretRecord>> {
  const prefix = commonStart(paths);
  const before = await indexOf(transport, prefix, context);
  const shown = paths.filter((path) => before.has(path));
  if (shown.length < leastForBatch) return new Map();
  const chunks = chunksOf(shown, transport).map((chunk) => valuesOf(transport, chunk, context));
  const values = (await Promise.all(chunks)).flatMap((chunk) => [...chunk]);
  const after = await indexOf(transport, prefix, context);
  const records = new Map<string, SecretRecord>();
  for (const [path, value] of values) {
    const variable = after.get(path);
    const isSame = variable?.versions[0]?.version === before.get(path)?.versions[0]?.version;
    if (variable !== undefined && isSame) records.set(path, toRecord(variable, value));
  }
  return records;
}

async function outcomeOf(read: () => Promise<SecretRecord>): Promise<Outcome> {
  try {
    return await read();
  } catch (error) {
    if (isSecretsError(error)) return error;
    throw error;
  }
}

/**
 * Reads many: by batch what a batch can give, the rest by `readOne`, so that each failure stands in its own place. A batch takes no
 * versions, no id with a comma, none twice, and fails whole.
 */
export async function readBatch(
  transport: Transport,
  locators: readonly Locator[],
  context: CallContext,
  readOne: (locator: Locator) => Promise<SecretRecord>,
): Promise<readonly Outcome[]> {
  throwIfEnded(context);
  const paths = [...new Set(locators.filter((locator) => !cannotBatch(locator)).map(({ path }) => path))];
  const batched = paths.length < leastForBatch ? new Map<string, SecretRecord>() : await readCurrent(transport, paths, context);
  const outcomes: Outcome[] = new Array(locators.length);
  const waiting = locators.entries();
  const reader = async () => {
    for (const [index, locator] of waiting) {
      const record = cannotBatch(locator) ? undefined : batched.get(locator.path);
      // Each place has bytes of its own, also where an id stands twice.
      outcomes[index] = record === undefined ? await outcomeOf(() => readOne(locator)) : structuredClone(record);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, reader));
  return outcomes;
}
