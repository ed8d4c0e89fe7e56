import assert from "node:assert/strict";
import { type Content, callContext, type ErrorCode, isSecretsError, type Page, type Provider } from "@keyhold/core";
import { createModel, type Model, type Rules } from "./model.ts";
import type { Operation } from "./operations.ts";

export interface Difference {
  /** Counted from 1. */
  readonly step: number;
  readonly operation: string;
  readonly problem: string;
}

export interface DifferentialReport {
  readonly done: number;
  /** By kind, what the backend has no way to do. */
  readonly skipped: Readonly<Record<string, number>>;
  readonly difference?: Difference;
}

/** Does each operation to the provider and to a model of it, up to the first difference. */
export async function runDifferential(
  provider: Provider,
  rules: Rules,
  operations: readonly Operation[],
): Promise<DifferentialReport> {
  const model = createModel(rules);
  const skipped: Record<string, number> = {};
  let done = 0;
  for (const [index, operation] of operations.entries()) {
    try {
      if (await doOne({ provider, rules, model }, operation)) done += 1;
      else skipped[operation.kind] = (skipped[operation.kind] ?? 0) + 1;
    } catch (error) {
      const problem =
        error instanceof Error ? `${error.message}${isSecretsError(error) ? ` (${error.code})` : ""}` : String(error);
      return { done, skipped, difference: { step: index + 1, operation: JSON.stringify(operation), problem } };
    }
  }
  return { done, skipped };
}

interface World {
  readonly provider: Provider;
  readonly rules: Rules;
  readonly model: Model;
}

/** Gives false for what the backend cannot do. */
async function doOne(world: World, operation: Operation): Promise<boolean> {
  const { provider, rules, model } = world;
  if (operation.kind === "list") return listUnder(world, operation.prefix);
  const { name } = operation;
  const path = pathOf(rules, name);
  if (rules.refusedPaths?.test(path)) {
    if (operation.kind === "write")
      await failsWith(provider.write!({ path }, contentOf(provider, "x"), {}, callContext()), "invalid-argument");
    else await failsWith(provider.read({ path }, callContext()), "invalid-argument", "not-found");
    return true;
  }
  const current = model.current(name);
  switch (operation.kind) {
    case "write":
      return write(world, operation, path);
    case "read":
      if (current) await holds(provider.read({ path }, callContext()), current);
      else await failsWith(provider.read({ path }, callContext()), "not-found");
      return true;
    case "read-version":
      return readVersion(world, operation, path);
    case "versions":
      return listVersions(world, operation, path);
    case "remove":
      if (provider.remove === undefined) return false;
      if (current === undefined) await failsWith(provider.remove({ path }, {}, callContext()), "not-found");
      else await provider.remove({ path }, {}, callContext());
      if (current) model.removed(name);
      return true;
  }
}

async function write(
  { provider, rules, model }: World,
  operation: Operation & { kind: "write" },
  path: string,
): Promise<boolean> {
  const { name, condition } = operation;
  const current = model.current(name);
  const value = representable(provider, operation.value);
  const bytes = Buffer.from(value as string);
  const send = (ifVersion?: string | null) =>
    provider.write!({ path }, contentOf(provider, value), ifVersion === undefined ? {} : { ifVersion }, callContext());
  const refused = rules.refuses?.(bytes) === true;

  let ifVersion: string | null | undefined;
  if (condition === "right") ifVersion = current?.version ?? null;
  if (condition === "wrong") ifVersion = wrongVersion(model, name);
  if (ifVersion !== undefined && !provider.features.compareAndSet) {
    if (ifVersion === null) return false;
    if (!refused) await failsWith(send(ifVersion), "unsupported");
    return true;
  }
  if (refused) {
    await failsWith(send(ifVersion), "invalid-argument", ...(condition === "wrong" ? (["conflict"] as const) : []));
    return true;
  }
  if (model.reserved(name)) {
    await failsWith(send(ifVersion), "conflict");
    return true;
  }
  if (condition === "wrong" && ifVersion !== undefined) {
    await failsWith(send(ifVersion), "conflict");
    if (current && ifVersion !== null) model.lost(name);
    return true;
  }
  const { version } = await send(ifVersion);
  if (rules.equalValueKept && current && Buffer.compare(current.bytes, bytes) === 0) {
    assert.equal(version, current.version, "an equal value made a version");
    return true;
  }
  assert.ok(!model.versions(name).some((one) => one.version === version), "a new value has the version of an older one");
  model.added(name, { version, bytes });
  return true;
}

/** Another of its own versions, or none, or, where nothing is, one that was or one of a neighbour. */
function wrongVersion(model: Model, name: string): string | null | undefined {
  if (model.current(name)) return model.versions(name)[1]?.version ?? null;
  const others = [...model.gone(name), model.current(model.names()[0] ?? "")?.version];
  return others.find((version) => version !== model.newest(name));
}

async function readVersion(
  { provider, model }: World,
  operation: Operation & { kind: "read-version" },
  path: string,
): Promise<boolean> {
  if (!provider.features.versions) return false;
  const versions = model.versions(operation.name);
  const gone = model.gone(operation.name);
  const choices = [...versions.map(({ version }) => version), ...gone];
  // Where nothing ever was, any version that another one has.
  const version = choices[operation.pick % choices.length] ?? model.current(model.names()[0] ?? "")?.version;
  const expected = versions.find((one) => one.version === version);
  const reading = provider.read({ path, ...(version === undefined ? {} : { version }) }, callContext());
  if (expected) await holds(reading, expected);
  else await failsWith(reading, "not-found");
  return true;
}

async function listVersions(
  { provider, rules, model }: World,
  { name }: { readonly name: string },
  path: string,
): Promise<boolean> {
  if (provider.versions === undefined) return false;
  const expected = model.versions(name).map(({ version }) => version);
  const pages = () => allPages((page) => provider.versions!(path, page, callContext()));
  if (model.newest(name) === undefined) {
    await failsWith(pages(), "not-found");
    return true;
  }
  const listed = (await pages()).filter(({ state }) => state === "enabled").map(({ version }) => version);
  assert.equal(listed.length, expected.length + model.leftBehind(name), "the number of versions");
  const known = listed.filter((version) => expected.includes(version));
  assert.equal(known[0], expected[0], "the current version does not come first");
  if (rules.timesInSeconds) assert.deepEqual(known.toSorted(), expected.toSorted());
  else assert.deepEqual(known, expected);
  return true;
}

async function listUnder({ provider, rules, model }: World, prefix: string): Promise<boolean> {
  if (provider.list === undefined) return false;
  const start = pathOf(rules, prefix);
  const pages = allPages((page) => provider.list!({ prefix: start, ...page }, callContext()));
  // What no name can start with is refused by some, and the start of none by others.
  const listed = await pages.catch((error: unknown) => {
    if (rules.refusedPaths?.test(start) && isSecretsError(error, "invalid-argument")) return [];
    throw error;
  });
  const versionAt = new Map(model.names().map((name) => [pathOf(rules, name), model.current(name)?.version]));
  const expected = [...versionAt.keys()].filter((path) => path.startsWith(start));
  assert.deepEqual(listed.map(({ path }) => path).toSorted(), expected.toSorted(), "the paths that are listed");
  for (const { path, version } of listed)
    if (version !== undefined) assert.equal(version, versionAt.get(path), "a listed version");
  return true;
}

const pathOf = (rules: Rules, name: string): string => rules.path?.(name) ?? name;

/** Bytes become text where a backend holds text alone. */
const representable = ({ features }: Provider, value: string | Uint8Array): string | Uint8Array =>
  typeof value === "string" || features.binary ? value : Buffer.from(value).toString("base64");

const contentOf = ({ features }: Provider, value: string | Uint8Array): Content =>
  features.fields ? { kind: "fields", fields: { value } } : { kind: "opaque", value };

async function holds(
  reading: ReturnType<Provider["read"]>,
  expected: { readonly version: string; readonly bytes: Uint8Array },
): Promise<void> {
  const { content, version } = await reading;
  const value = content.kind === "fields" ? content.fields.value : content.value;
  assert.equal(Buffer.from(value as string).toString("hex"), Buffer.from(expected.bytes).toString("hex"), "another value");
  assert.equal(version, expected.version, "another version");
}

async function failsWith(work: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<void> {
  const outcome = await work.then(
    () => "it worked",
    (error: unknown) => (isSecretsError(error) ? error.code : `no SecretsError: ${error}`),
  );
  assert.ok((codes as readonly string[]).includes(outcome), `wanted ${codes.join(" or ")}: ${outcome}`);
}

async function allPages<T>(read: (page: { readonly cursor?: string }) => Promise<Page<T>>): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor === undefined ? {} : { cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}
