import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type InitStoreOptions, initStore, local } from "@keyhold/local";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder, temporaryStore } from "./temporary-store.ts";

let folder: string;
let own: { path: string; identityPath: string };
beforeEach(() => {
  for (const name of ["KEYHOLD_IDENTITY", "KEYHOLD_IDENTITY_FILE", "KEYHOLD_STORE"]) vi.stubEnv(name, undefined);
  folder = temporaryFolder();
  mkdirSync(path.join(folder, "project"));
  own = { path: path.join(folder, "project/keyhold.age"), identityPath: path.join(folder, "config/identity.txt") };
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const modeOf = (file: string) => statSync(file).mode & 0o777;
const failure = (options: InitStoreOptions) => initStore(options).catch((error) => error.code);

describe("initStore", () => {
  it("makes an identity and an empty store, each for its owner alone, and leaves nothing else", async () => {
    const made = await initStore(own);
    expect(made).toEqual({
      ...own,
      recipient: expect.stringMatching(/^age1[0-9a-z]{58}$/),
      storeCreated: true,
      identityCreated: true,
    });
    expect([modeOf(own.path), modeOf(own.identityPath), modeOf(path.dirname(own.identityPath))]).toEqual([0o600, 0o600, 0o700]);
    expect(readFileSync(own.path, "utf8")).toMatch(/^-----BEGIN AGE ENCRYPTED FILE-----\n/);
    expect(readFileSync(own.identityPath, "utf8")).toContain(`# public key: ${made.recipient}\nAGE-SECRET-KEY-1`);
    expect(readdirSync(path.dirname(own.path))).toEqual(["keyhold.age"]);
    expect((await local(own).list({ prefix: "" }, callContext())).items).toEqual([]);
  });

  it("leaves what is there: a store with its secrets, an identity for another project", async () => {
    const { recipient } = await initStore(own);
    await local(own).write({ path: "db" }, { kind: "opaque", value: "kept" }, {}, callContext());
    const before = [readFileSync(own.path), readFileSync(own.identityPath)];
    expect(await initStore(own)).toMatchObject({ storeCreated: false, identityCreated: false, recipient });
    expect([readFileSync(own.path), readFileSync(own.identityPath)]).toEqual(before);
    mkdirSync(path.join(folder, "second"));
    const second = { ...own, path: path.join(folder, "second/keyhold.age") };
    expect(await initStore(second)).toMatchObject({ storeCreated: true, identityCreated: false, recipient });
    expect(await local(second).recipients()).toEqual([recipient]);
  });

  it("never replaces a file that is no store or no identity", async () => {
    writeFileSync(own.path, "precious");
    expect(await initStore(own)).toMatchObject({ storeCreated: false });
    expect(readFileSync(own.path, "utf8")).toBe("precious");
    const other = { path: path.join(folder, "other.age"), identityPath: path.join(folder, "config/precious.txt") };
    writeFileSync(other.identityPath, "precious", { mode: 0o600 });
    expect(await failure(other)).toBe("unauthenticated");
    expect(readFileSync(other.identityPath, "utf8")).toBe("precious");
    symlinkSync("nowhere", path.join(folder, "config/dangling.txt"));
    expect(await failure({ ...other, identityPath: path.join(folder, "config/dangling.txt") })).toBe("invalid-argument");
    expect(existsSync(other.path)).toBe(false);
  });

  it("makes one identity and one store when many start at once, and they fit", async () => {
    const made = await Promise.all(Array.from({ length: 6 }, () => initStore(own)));
    expect(new Set(made.map(({ recipient }) => recipient)).size).toBe(1);
    expect(made.filter(({ identityCreated }) => identityCreated)).toHaveLength(1);
    expect(made.filter(({ storeCreated }) => storeCreated)).toHaveLength(1);
    expect(await local(own).recipients()).toEqual([made[0]!.recipient]);
  });

  it("lets a team in", async () => {
    const other = await temporaryStore();
    const { recipient } = await initStore({ ...own, recipients: [other.recipient] });
    expect(await local({ path: own.path, identityPath: other.identityPath }).recipients()).toEqual([recipient, other.recipient]);
    other.remove();
  });

  it("makes post-quantum keys on request, and does not mix kinds", async () => {
    const plain = await temporaryStore();
    expect(await failure({ ...own, postQuantum: true, recipients: [plain.recipient] })).toBe("invalid-argument");
    expect(await failure({ ...own, postQuantum: true, identityPath: plain.identityPath })).toBe("invalid-argument");
    expect([existsSync(own.path), existsSync(own.identityPath)]).toEqual([false, false]);
    const { recipient } = await initStore({ ...own, postQuantum: true });
    expect(recipient).toMatch(/^age1pq1/);
    expect(readFileSync(own.identityPath, "utf8")).toMatch(/\nAGE-SECRET-KEY-PQ-1/);
    const store = local(own);
    await store.write({ path: "db" }, { kind: "opaque", value: "v" }, {}, callContext());
    expect(await store.recipients()).toEqual([recipient]);
    plain.remove();
  });

  it("refuses an identity beside the store, and makes nothing", async () => {
    expect(await failure({ ...own, identityPath: path.join(folder, "project/identity.txt") })).toBe("invalid-argument");
    expect(readdirSync(path.join(folder, "project"))).toEqual([]);
  });

  it("takes the identity from KEYHOLD_IDENTITY and the store from KEYHOLD_STORE", async () => {
    const other = await temporaryStore();
    vi.stubEnv("KEYHOLD_IDENTITY", other.identity());
    vi.stubEnv("KEYHOLD_STORE", own.path);
    expect(await initStore()).toEqual({
      path: own.path,
      identityPath: undefined,
      recipient: other.recipient,
      storeCreated: true,
      identityCreated: false,
    });
    expect(await local().recipients()).toEqual([other.recipient]);
    other.remove();
  });

  it("says what is wrong with a folder: missing, or a file", async () => {
    expect(await failure({ ...own, path: path.join(folder, "missing/keyhold.age") })).toBe("unavailable");
    writeFileSync(path.join(folder, "file"), "");
    expect(await failure({ ...own, path: path.join(folder, "file/keyhold.age") })).toBe("invalid-argument");
    expect(await failure({ ...own, identityPath: path.join(folder, "file/identity.txt") })).toBe("invalid-argument");
  });
});
