import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Content, callContext, isSecretsError } from "@keyhold/core";
import { initStore, local, snapshot } from "@keyhold/local";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { changeSnapshot } from "../src/change-snapshot.ts";
import { decodeSnapshot, encodeEntry, encodeSnapshot, type SnapshotEntry } from "../src/snapshot-format.ts";
import { seal } from "./seal.ts";
import { type Backend, reportOf, runService, startBackend } from "./snapshot/run-service.ts";
import { serve } from "./snapshot/service.ts";
import { type TemporaryStore, temporaryStore } from "./temporary-store.ts";

const canary = "C4N4RY-0f-a-value";
const runs = Number(process.env.KEYHOLD_RUNS ?? 300);
const inTime = { now: 10_000, maxAgeMs: 5_000 };
const record = (value: string, readAt: number) => ({ content: { kind: "opaque", value } as const, version: "1", readAt });
const context = () => callContext({ deadlineMs: 30_000 });

let files: TemporaryStore;
let file: string;
let backend: Backend;
beforeAll(async () => {
  backend = await startBackend();
});
afterAll(() => backend.down().catch(() => {}));
beforeEach(async () => {
  files = await temporaryStore();
  file = path.join(path.dirname(files.path), "last-known-good");
  backend.values.clear();
  backend.status = undefined;
  for (const name of ["db", "key"]) backend.values.set(name, `${canary}-${name}`);
});
afterEach(() => files.remove());

const task = (changes = {}) => ({
  url: backend.url,
  path: file,
  identityPath: files.identityPath,
  names: ["db", "key"],
  ...changes,
});

/** Runs `work` while the backend is off the network. */
async function whileDown<T>(work: () => Promise<T>): Promise<T> {
  await backend.down();
  try {
    return await work();
  } finally {
    await backend.up();
  }
}

const codes = (report: Awaited<ReturnType<typeof reportOf>>) =>
  Object.fromEntries(Object.entries(report.found).map(([name, one]) => [name, "code" in one ? one.code : one.text]));
const served = { db: `${canary}-db`, key: `${canary}-key` };
const unavailable = { db: "unavailable", key: "unavailable" };

describe("a process that starts while its backend is down", () => {
  it("serves what an earlier process read, and says how old it is; without the option it fails", async () => {
    const first = await reportOf(task());
    expect(codes(first)).toEqual(served);
    await whileDown(async () => {
      const second = await reportOf(task());
      expect(codes(second)).toEqual(served);
      expect(second.found.db).toMatchObject({ status: { outcome: "snapshot", ageMs: expect.any(Number) } });
      expect(second.events.map(({ type }) => type)).toEqual(["snapshot-used", "snapshot-used"]);
      const control = await reportOf(task({ path: undefined }));
      expect(codes(control)).toEqual(unavailable);
      console.log(`backend down at start: with a snapshot 2 of 2 values; control, without one: 0 of 2`);
    });
  });

  it("keeps values in no readable form, in a file of its owner alone", async () => {
    await serve(task());
    const bytes = readFileSync(file);
    for (const text of [canary, Buffer.from(canary).toString("base64").slice(0, 16), "backend://"])
      expect(bytes.includes(text)).toBe(false);
    if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
    const names = readdirSync(path.dirname(file)).filter((name) => name.includes("last-known-good"));
    expect(names.sort()).toEqual([".last-known-good.lock", "last-known-good"]);
  });

  it.each([403, 404, 401])("has nothing after the backend said %i to another process, also once it is down", async (status) => {
    await serve(task());
    backend.status = status;
    const refused = await reportOf(task({ names: ["db"] }));
    expect(Object.keys(refused.found.db as object)).toEqual(["code"]);
    expect(codes(await whileDown(() => serve(task())))).toEqual({ db: "unavailable", key: `${canary}-key` });
  });

  it("gets the backend's own error once the snapshot is too old", async () => {
    await serve(task());
    const later = { aheadMs: 3_600_000 };
    await whileDown(async () => {
      expect(codes(await serve(task({ ...later, maxAgeMs: 3_600_000 })))).toEqual(unavailable);
      expect(codes(await serve(task({ ...later, maxAgeMs: 7_200_000 })))).toEqual(served);
    });
  });

  it("is served by every value of many processes that wrote at once", async () => {
    const names = Array.from({ length: 12 }, (_name, index) => `n${index}`);
    for (const name of names) backend.values.set(name, name);
    const shares = [0, 1, 2, 3].map((part) => names.slice(part * 3, part * 3 + 3));
    await Promise.all(shares.map((share) => reportOf(task({ names: share }))));
    const found = await whileDown(() => reportOf(task({ names })));
    expect(codes(found)).toEqual(Object.fromEntries(names.map((name) => [name, name])));
  });

  it("is served what there was before, or after, when the writer was killed in the middle", async () => {
    await serve(task());
    for (const killAt of ["locked", "partly-written", "before-rename", "after-rename"] as const) {
      const { signal } = await runService(task({ killAt, killAfter: 2 }));
      expect(signal).toBe("SIGKILL");
      const found = await whileDown(() => serve(task()));
      expect(found.events.map(({ type }) => type)).toEqual(["snapshot-used", "snapshot-used"]);
      expect(codes(found)).toEqual(served);
    }
    await serve(task());
    expect(readdirSync(path.dirname(file)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("a file that is no snapshot of ours", () => {
  const kinds: Readonly<Record<string, () => Promise<void> | void>> = {
    "is cut short": () => writeFileSync(file, readFileSync(file).subarray(0, 300)),
    "has a changed byte": () => {
      const bytes = readFileSync(file);
      const at = bytes.length - 20;
      bytes[at] = (bytes[at] as number) ^ 1;
      writeFileSync(file, bytes);
    },
    "is empty": () => writeFileSync(file, ""),
    "is somebody's notes": () => writeFileSync(file, "milk, eggs"),
    "is a store": async () => {
      const other = local({ path: files.path, identityPath: files.identityPath });
      await other.write({ path: "x" }, { kind: "opaque", value: "y" }, {}, context());
      writeFileSync(file, files.bytes());
    },
    "is encrypted to another key": async () => {
      const other = path.join(files.folder, "other", "identity.txt");
      const { recipient } = await initStore({ path: path.join(files.folder, "other.age"), identityPath: other });
      await seal(file, encodeSnapshot([]), recipient);
    },
    "is of a later format": () => seal(file, '{"format":"keyhold-snapshot","formatVersion":2,"entries":[]}', files.recipient),
    "may be written by everybody": () => chmodSync(file, 0o666),
    "has an entry that is none": () =>
      seal(file, `{"format":"keyhold-snapshot","formatVersion":1,"entries":[{}]}`, files.recipient),
  };

  it.each(Object.keys(kinds))("%s: an event, the backend's own words, and the file as it was", async (kind) => {
    if (kind.startsWith("may be written") && process.platform === "win32") return;
    await serve(task());
    await (kinds[kind] as () => void)();
    const before = readFileSync(file);
    const [up, down] = [await serve(task()), await whileDown(() => serve(task()))];
    expect(codes(up)).toEqual(served);
    expect(codes(down)).toEqual(unavailable);
    for (const { events } of [up, down]) {
      const failed = events.filter(({ type }) => type === "snapshot-failed");
      expect(failed.length).toBeGreaterThan(0);
      for (const { hint } of failed) expect(hint).toMatch(/^[A-Z].{10}/);
    }
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it("no file, no folder and no identity are told as events too", async () => {
    const nowhere = path.join(files.folder, "none", "snapshot");
    const noFolder = await serve(task({ path: nowhere }));
    expect(codes(noFolder)).toEqual(served);
    expect(noFolder.events.at(-1)).toMatchObject({ type: "snapshot-failed", code: "unavailable" });
    const noIdentity = await serve(task({ identityPath: path.join(files.folder, "none") }));
    expect(codes(noIdentity)).toEqual(served);
    expect(noIdentity.events.at(-1)).toMatchObject({ type: "snapshot-failed", code: "unauthenticated" });
    expect([existsSync(nowhere), existsSync(file)]).toEqual([false, false]);
    expect(codes(await whileDown(() => serve(task())))).toEqual(unavailable);
  });

  it("refuses options that cannot be meant", () => {
    for (const options of [{ path: "" }, { path: "x", maxAgeMs: 0 }, { path: "x", maxAgeMs: Number.NaN }])
      expect(() => snapshot(options)).toThrowError(expect.objectContaining({ code: "invalid-argument" }));
  });
});

describe("the entries of a snapshot", () => {
  const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<never>;
  const content: fc.Arbitrary<Content> = fc.oneof(
    fc.record({ kind: fc.constant("opaque" as const), value: fc.oneof(fc.string({ unit: "binary" }), fc.uint8Array()) }),
    fc.record({
      kind: fc.constant("fields" as const),
      fields: fc
        .array(fc.tuple(fc.oneof(fc.string(), fc.constantFrom("__proto__", "constructor")), fc.oneof(json, fc.uint8Array())))
        .map((entries) => Object.fromEntries(entries)),
    }),
  );
  const plain = (entry: SnapshotEntry | undefined) =>
    entry !== undefined && "content" in entry
      ? [
          entry.version,
          entry.readAt,
          entry.content.kind === "opaque"
            ? entry.content
            : Object.entries(entry.content.fields).sort(([one], [other]) => (one < other ? -1 : 1)),
        ]
      : entry;

  it("come back as they were, whatever the values", () => {
    fc.assert(
      fc.property(content, fc.string(), (made, version) => {
        const entry = { content: made, version, readAt: 1 };
        const [read] = decodeSnapshot(encodeSnapshot([encodeEntry("a://b", entry)])).values();
        const same = JSON.parse(JSON.stringify(plain(entry), bytesAsText));
        expect(JSON.parse(JSON.stringify(plain(read), bytesAsText))).toEqual(same);
      }),
      { numRuns: runs },
    );
    const digits = decodeSnapshot(
      '{"format":"keyhold-snapshot","formatVersion":1,"entries":[{"reference":"a://b","version":"1","readAt":1,"fields":{"n":12345678901234567890},"bytes":{}}]}',
    );
    const [[, entry] = []] = digits;
    expect(encodeEntry("a://b", entry as SnapshotEntry)).toContain('"n":12345678901234567890');
  });

  it("are refused by a typed error that repeats none of the text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          json.map((value) => JSON.stringify(value)),
        ),
        (text) => {
          try {
            decodeSnapshot(`${text}${canary}`);
          } catch (error) {
            expect(isSecretsError(error, "decode", "unsupported")).toBe(true);
            expect(String(error)).not.toContain(canary);
            return;
          }
          throw new Error("accepted");
        },
      ),
      { numRuns: runs },
    );
  });

  const change = (
    before: Record<string, SnapshotEntry>,
    records: Record<string, SnapshotEntry>,
    erased: Record<string, number> = {},
  ) => {
    const changes = { records: new Map(Object.entries(records)) as never, erased: new Map(Object.entries(erased)) };
    const texts = changeSnapshot(new Map(Object.entries(before)), changes, inTime);
    return texts && decodeSnapshot(encodeSnapshot(texts));
  };

  it("give way to newer ones only, whoever writes last, and stay erased against what was read before", () => {
    const older = record("old", 9_000);
    const newer = record("new", 9_500);
    expect(change({ "a://b": newer }, { "a://b": older })).toBeUndefined();
    expect(change({ "a://b": older }, { "a://b": newer })?.get("a://b")).toEqual(newer);
    const erased = change({ "a://b": older, "a://b?version=1": older, "a://bc": older }, {}, { "a://b": 9_200 });
    expect(Object.fromEntries(erased ?? [])).toEqual({
      "a://b": { erasedAt: 9_200 },
      "a://b?version=1": { erasedAt: 9_200 },
      "a://bc": older,
    });
    expect(change(Object.fromEntries(erased ?? []), { "a://b": older })).toBeUndefined();
    expect(change(Object.fromEntries(erased ?? []), { "a://b": newer })?.get("a://b")).toEqual(newer);
    expect(change({}, {}, { "a://none": 9_000 })).toBeUndefined();
  });

  it("go when they are too old or from the future, and when there are too many, the oldest first", () => {
    const kept = change({ "a://old": record("x", 5_000), "a://future": record("x", 80_000) }, { "a://b": record("y", 9_000) });
    expect([...(kept?.keys() ?? [])]).toEqual(["a://b"]);
    const many = Object.fromEntries(Array.from({ length: 1_200 }, (_one, index) => [`a://${index}`, record("x", 6_000 + index)]));
    const left = [...(change(many, { "a://b": record("y", 9_000) })?.keys() ?? [])];
    expect([left.length, left[0], left.at(-1)]).toEqual([1_000, "a://b", "a://201"]);
    const large = record("x".repeat(600 * 1024), 9_000);
    expect([
      ...(change(
        { "a://1": large, "a://2": { ...large, readAt: 9_001 }, "a://3": record("x", 8_000) },
        { "a://b": record("y", 7_000) },
      )?.keys() ?? []),
    ]).toEqual(["a://2", "a://3", "a://b"]);
  });
});

function bytesAsText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `bytes:${Buffer.from(value).toString("hex")}` : value;
}
