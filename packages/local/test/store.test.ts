import { chmodSync, statSync } from "node:fs";
import { inspect } from "node:util";
import { type CallContext, isSecretsError, type Provider } from "@keyhold/core";
import { type LocalProvider, local } from "@keyhold/local";
import { callContext, manualClock } from "@keyhold/testing";
import { armor, Decrypter } from "age-encryption";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seal } from "./seal.ts";
import { type TemporaryStore, temporaryStore } from "./temporary-store.ts";

let files: TemporaryStore;
let store: LocalProvider;
beforeEach(async () => {
  files = await temporaryStore();
  store = local({ path: files.path, identityPath: files.identityPath });
});
afterEach(async () => {
  await store.close();
  files.remove();
});

const opaque = (value: string | Uint8Array) => ({ kind: "opaque", value }) as const;
const put = async (path: string, value: string, options: Parameters<LocalProvider["write"]>[2] = {}, context = callContext()) =>
  (await store.write({ path }, opaque(value), options, context)).version;
const get = async (path: string, version?: string) => {
  const { content } = await store.read({ path, ...(version === undefined ? {} : { version }) }, callContext());
  return content.kind === "opaque" ? content.value : undefined;
};
const versions = async (path: string) => (await store.versions(path, {}, callContext())).items;
const codeOf = async (call: Promise<unknown>) => {
  const error = await call.then(() => undefined).catch((thrown: unknown) => thrown);
  if (error !== undefined && !isSecretsError(error)) throw error;
  return error?.code;
};
/** What `age -d` would print. */
const decrypted = async (bytes = files.bytes()) => {
  const decrypter = new Decrypter();
  decrypter.addIdentity(files.identity());
  return decrypter.decrypt(armor.decode(bytes.toString()), "text");
};
const numberOf = (version: string) => Number(version.split("-", 1)[0]);

describe("versions", () => {
  it("are kept up to the last 20", async () => {
    const written: string[] = [];
    for (let number = 1; number <= 23; number++) written.push(await put("db", `value ${number}`));
    expect((await versions("db")).map(({ version }) => version)).toEqual(written.slice(3).reverse());
    expect(await get("db", written[3])).toBe("value 4");
    expect(await codeOf(get("db", written[2]))).toBe("not-found");
  });

  it("have numbers that only grow, whatever is removed", async () => {
    const numbers = [numberOf(await put("a", "1")), numberOf(await put("b", "1"))];
    await store.remove({ path: "b" }, {}, callContext());
    numbers.push(numberOf(await put("b", "2")));
    for (const { version } of await versions("b")) {
      if (version.startsWith("3-")) await store.remove({ path: "b", version }, {}, callContext());
    }
    numbers.push(numberOf(await put("b", "3")));
    expect(numbers).toEqual([1, 2, 3, 4]);
  });

  it("are different in two copies of a store that went different ways", async () => {
    const common = files.bytes();
    const one = await put("db", "one");
    await seal(files.path, await decrypted(common), files.recipient);
    const other = await put("db", "other");
    expect(numberOf(one)).toBe(numberOf(other));
    expect(one).not.toBe(other);
  });
});

describe("remove and restore", () => {
  it("take a secret away and bring it back with all its versions", async () => {
    const [first, second] = [await put("db", "one"), await put("db", "two")];
    await store.remove({ path: "db" }, {}, callContext());
    expect(await codeOf(get("db"))).toBe("not-found");
    expect(await codeOf(get("db", first))).toBe("not-found");
    expect((await store.list({ prefix: "" }, callContext())).items).toEqual([]);
    expect(await store.restore("db")).toEqual({ version: second });
    expect(await get("db")).toBe("two");
    expect(await get("db", first)).toBe("one");
  });

  it("leave a value that was written meanwhile as the current one", async () => {
    const old = await put("db", "old");
    await store.remove({ path: "db" }, {}, callContext());
    const now = await put("db", "new", { ifVersion: null });
    expect((await versions("db")).map(({ version, state }) => [version, state])).toEqual([
      [now, "enabled"],
      [old, "deleted"],
    ]);
    expect(await store.restore("db")).toEqual({ version: now });
    expect(await get("db")).toBe("new");
    expect(await get("db", old)).toBe("old");
  });

  it("have nothing to bring back where nothing was removed", async () => {
    await put("db", "one");
    expect(await codeOf(store.restore("db"))).toBe("not-found");
    expect(await codeOf(store.restore("other"))).toBe("not-found");
  });

  it("keep what was removed for 30 days, and then erase it with the next write", async () => {
    const clock = manualClock();
    const at = (): CallContext => ({ ...callContext(), clock, deadlineAt: clock.monotonic() + 10_000 });
    await put("db", "in the past", {}, at());
    await store.remove({ path: "db" }, {}, at());
    await clock.advance(29 * 24 * 3_600_000);
    await put("other", "one", {}, at());
    expect(await decrypted()).toContain("in the past");
    await clock.advance(2 * 24 * 3_600_000);
    await put("other", "two", {}, at());
    expect(await decrypted()).not.toContain("in the past");
    expect(await codeOf(store.restore("db"))).toBe("not-found");
  });

  it("erase one version at once where the version is named, removed or not", async () => {
    const first = await put("db", "first value");
    const second = await put("db", "second value");
    await store.remove({ path: "db", version: second }, {}, callContext());
    expect(await get("db")).toBe("first value");
    await store.remove({ path: "db" }, {}, callContext());
    await store.remove({ path: "db", version: first }, {}, callContext());
    expect(await decrypted()).not.toMatch(/first value|second value/);
    expect(await codeOf(store.restore("db"))).toBe("not-found");
  });
});

describe("an idempotency key", () => {
  it("is a conflict with another value, and gives the first version again after it was replaced", async () => {
    const version = await put("db", "one", { idempotencyKey: "k1", ifVersion: null });
    expect(await codeOf(put("db", "two", { idempotencyKey: "k1" }))).toBe("conflict");
    await put("db", "three");
    expect(await put("db", "one", { idempotencyKey: "k1", ifVersion: null })).toBe(version);
    expect(await get("db")).toBe("three");
  });

  it("writes nothing the second time", async () => {
    await put("db", "one", { idempotencyKey: "k1" });
    const before = files.bytes();
    await put("db", "one", { idempotencyKey: "k1" });
    expect(files.bytes().equals(before)).toBe(true);
  });
});

describe("a list", () => {
  it("comes in pages that outlive a change", async () => {
    const createdAt = "2026-01-02T03:04:05.678Z";
    const names = Array.from({ length: 250 }, (_, index) => `app/${String(index).padStart(3, "0")}`);
    const secrets = Object.fromEntries(
      names.map((name, index) => [name, { createdAt, versions: [{ version: `${index}-aaaaa`, createdAt, value: "v" }] }]),
    );
    const body = { format: "keyhold-store", formatVersion: 1, recipients: [files.recipient], lastVersion: 250, secrets };
    await seal(files.path, JSON.stringify(body), files.recipient);
    const first = await store.list({ prefix: "app/" }, callContext());
    expect(first.items).toHaveLength(100);
    expect(first.items[0]).toEqual({ path: "app/000", version: "0-aaaaa", createdAt: 1767323045678, updatedAt: 1767323045678 });
    await store.remove({ path: first.next! }, {}, callContext());
    const second = await store.list({ prefix: "app/", cursor: first.next! }, callContext());
    const third = await store.list({ prefix: "app/", cursor: second.next! }, callContext());
    expect(third.next).toBeUndefined();
    expect([first, second, third].flatMap(({ items }) => items.map(({ path }) => path))).toEqual(names);
  });
});

describe("the store", () => {
  it("is readable JSON once it is decrypted, with bytes as base64", async () => {
    await put("db/password", "hunter2", { labels: { team: "data" } });
    await store.write(
      { path: "cert" },
      { ...opaque(new Uint8Array([0, 255])), contentType: "application/x-der" },
      {},
      callContext(),
    );
    const text = await decrypted();
    expect(text).toContain('\n          "value": "hunter2"');
    const body = JSON.parse(text);
    expect(body).toMatchObject({ format: "keyhold-store", formatVersion: 1, recipients: [files.recipient], lastVersion: 2 });
    expect(body.secrets.cert.versions[0]).toMatchObject({ base64: "AP8=", contentType: "application/x-der" });
    expect(body.secrets["db/password"].versions[0]).toMatchObject({ value: "hunter2", labels: { team: "data" } });
  });

  it("is written for its owner alone, whatever mode it had", async () => {
    chmodSync(files.path, 0o644);
    await put("db", "one");
    expect(statSync(files.path).mode & 0o777).toBe(0o600);
  });

  it("refuses fields, and a write to one version", async () => {
    const fields = { kind: "fields", fields: { user: "app" } } as const;
    expect(await codeOf(store.write({ path: "db" }, fields, {}, callContext()))).toBe("invalid-argument");
    expect(await codeOf(store.write({ path: "db", version: "1" }, opaque("x"), {}, callContext()))).toBe("invalid-argument");
    expect(await codeOf(store.read({ path: "db", stage: "live" }, callContext()))).toBe("unsupported");
  });

  it("refuses to grow over 32 MiB", async (test) => {
    if (process.env.KEYHOLD_SLOW !== "1") test.skip("it takes seconds: KEYHOLD_SLOW=1 does it");
    const createdAt = "2026-01-02T03:04:05.678Z";
    const value = "x".repeat(1024 * 1024 - 200);
    const versions = [{ version: "1-aaaaa", createdAt, value }];
    const secrets = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`large/${index}`, { createdAt, versions }]));
    const body = { format: "keyhold-store", formatVersion: 1, recipients: [files.recipient], lastVersion: 1, secrets };
    await seal(files.path, JSON.stringify(body), files.recipient);
    const before = files.bytes();
    const context = () => callContext({ deadlineMs: 60_000 });
    expect(await codeOf(put("more", "x".repeat(100_000), {}, context()))).toBe("invalid-argument");
    expect(files.bytes().equals(before)).toBe(true);
  });

  it("shows no key when the provider is printed", async () => {
    const provider: Provider = local({ path: files.path, identity: files.identity() });
    const key = files.identity();
    for (const depth of [2, 20]) expect(inspect(provider, { depth, showHidden: true })).not.toContain(key);
    expect(JSON.stringify(provider)).not.toContain(key);
  });
});

describe("recipients", () => {
  it("are added and removed, and then can open the store or no longer", async () => {
    const other = await temporaryStore();
    const others = local({ path: files.path, identityPath: other.identityPath });
    await put("db", "shared");
    expect(await codeOf(others.read({ path: "db" }, callContext()))).toBe("permission-denied");
    expect(await store.changeRecipients({ add: [other.recipient] })).toEqual([files.recipient, other.recipient]);
    expect((await others.read({ path: "db" }, callContext())).content).toEqual(opaque("shared"));
    await others.write({ path: "db" }, opaque("from the other"), {}, callContext());
    expect(await get("db")).toBe("from the other");
    expect(await store.recipients()).toEqual([files.recipient, other.recipient]);
    await store.changeRecipients({ remove: [other.recipient] });
    expect(await codeOf(others.read({ path: "db" }, callContext()))).toBe("permission-denied");
    expect(await codeOf(others.write({ path: "db" }, opaque("no"), {}, callContext()))).toBe("permission-denied");
    other.remove();
  });

  it("cannot be changed so that one is locked out, or to a mix of kinds", async () => {
    const [other, hybrid] = [await temporaryStore(), await temporaryStore({ postQuantum: true })];
    const before = files.bytes();
    expect(await codeOf(store.changeRecipients({ remove: [files.recipient] }))).toBe("invalid-argument");
    expect(await codeOf(store.changeRecipients({ add: [other.recipient], remove: [files.recipient] }))).toBe("invalid-argument");
    expect(await codeOf(store.changeRecipients({ add: [hybrid.recipient] }))).toBe("invalid-argument");
    expect(await codeOf(store.changeRecipients({ remove: [other.recipient] }))).toBe("not-found");
    expect(files.bytes().equals(before)).toBe(true);
    other.remove();
    hybrid.remove();
  });

  it.each([
    ["a plugin's", "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t", "unsupported"],
    ["a tag plugin's", "age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h", "unsupported"],
    ["an SSH key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN", "unsupported"],
    ["a mistyped one", "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwk", "invalid-argument"],
    ["a secret key", "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX", "invalid-argument"],
    ["no recipient", "hello", "invalid-argument"],
  ])("refuse %s, with a hint, and repeat none of it", async (_, recipient, code) => {
    const error = await store.changeRecipients({ add: [recipient] }).catch((thrown: unknown) => thrown);
    expect(isSecretsError(error) && error.code).toBe(code);
    expect(isSecretsError(error) && error.hint).toBeTruthy();
    expect(JSON.stringify(error)).not.toContain(recipient);
  });
});

describe("check", () => {
  it("says who opened it and how much is there, and no value", async () => {
    await put("db", "hunter2-long-enough");
    const report = await store.check(callContext());
    expect(report.principal).toBe(files.recipient);
    expect(report.notes).toEqual([`store: ${files.path}`, "secrets: 1", "recipients: 1"]);
    expect(JSON.stringify(report)).not.toContain("hunter2");
  });
});
