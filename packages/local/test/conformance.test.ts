import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { environment, files, type LocalOptions, local } from "@keyhold/local";
import type { Situation } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { generateX25519Identity } from "age-encryption";
import { afterAll, beforeAll } from "vitest";
import { seal } from "./seal.ts";
import { type TemporaryStore, temporaryFolder, temporaryStore } from "./temporary-store.ts";

let first: TemporaryStore;
const stores: TemporaryStore[] = [];
beforeAll(async () => {
  first = await temporaryStore();
});
afterAll(() => {
  for (const store of [first, ...stores]) store.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** A store of its own, broken in one way. */
async function broken(breakIt: (own: TemporaryStore) => unknown, options: LocalOptions = {}): Promise<Situation> {
  const own = await temporaryStore();
  await breakIt(own);
  const identity = "identity" in options ? {} : { identityPath: own.identityPath };
  return { provider: local({ path: own.path, ...identity, ...options }), locator: { path: "any" }, end: own.remove };
}

async function locked(): Promise<Situation> {
  let holder: DatabaseSync | undefined;
  const situation = await broken((own) => {
    holder = new DatabaseSync(path.join(path.dirname(own.path), ".keyhold.age.lock"));
    holder.exec("BEGIN EXCLUSIVE");
  });
  return {
    ...situation,
    call: (provider, context) => provider.write!({ path: "any" }, { kind: "opaque", value: "any" }, {}, context),
    end: () => {
      holder?.close();
      situation.end?.();
    },
  };
}

testProvider("local", {
  // A store for each, as the largest values would slow down all tests after them; one key for all.
  async create() {
    const store = await temporaryStore({ identityPath: first.identityPath });
    stores.push(store);
    return local({ path: store.path, identityPath: first.identityPath });
  },
  canaries: () => [first.identity()],
  maxBytes: 1024 * 1024,
  breakIt: {
    "permission-denied": async () => broken(() => {}, { identity: await generateX25519Identity() }),
    unauthenticated: () => broken(() => {}, { identityPath: "no-such-identity.txt" }),
    unavailable: () => broken((own) => own.remove()),
    decode: () => broken((own) => truncateSync(own.path, 300)),
    unsupported: () => broken((own) => seal(own.path, '{"format":"keyhold-store","formatVersion":2}', own.recipient)),
    timeout: locked,
  },
  notApplicable: [
    { reason: "a file sets no rate", codes: ["rate-limited"] },
    { reason: "every system error has a meaning", codes: ["unknown"] },
  ],
});

const variables: Record<string, string> = Object.create(null);

testProvider("environment", {
  create: () => environment({ variables }),
  seed(name, content) {
    if (content.kind === "opaque") variables[name] = Buffer.from(content.value as string).toString("utf8");
  },
  notApplicable: [
    { reason: "a process reads its own variables", codes: ["unauthenticated", "permission-denied"] },
    { reason: "variables are always there, at once", codes: ["rate-limited", "unavailable", "timeout", "unknown"] },
    { reason: "it only reads", codes: ["invalid-argument", "conflict"] },
  ],
});

const directory = temporaryFolder();

testProvider("files", {
  create: () => files({ directory }),
  seed(name, content) {
    if (content.kind !== "opaque") return;
    mkdirSync(path.dirname(path.join(directory, name)), { recursive: true });
    writeFileSync(path.join(directory, name), content.value);
  },
  maxBytes: 1024 * 1024,
  breakIt: {
    "permission-denied": () => {
      symlinkSync("/dev/null", path.join(directory, "leads-out"));
      return { provider: files({ directory }), locator: { path: "leads-out" } };
    },
    "invalid-argument": () => ({ provider: files({ directory }), locator: { path: "../outside" } }),
    unavailable: () => ({ provider: files({ directory: path.join(directory, "missing") }) }),
  },
  notApplicable: [
    { reason: "nobody signs in to a folder", codes: ["unauthenticated"] },
    { reason: "a folder sets no rate, and answers at once", codes: ["rate-limited", "timeout"] },
    { reason: "every system error has a meaning", codes: ["unknown"] },
    { reason: "it only reads", codes: ["conflict"] },
  ],
});
