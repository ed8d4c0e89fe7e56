import { renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Change } from "@keyhold/core";
import { type LocalProvider, local } from "@keyhold/local";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runWriter } from "./run-writer.ts";
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

const put = (value: string) => store.write({ path: "db" }, { kind: "opaque", value }, {}, callContext());

function watching(): AsyncIterator<Change> {
  return store.watch({ path: "db" }, callContext({ deadlineMs: 60_000 }))[Symbol.asyncIterator]();
}

describe("a watch", () => {
  it("sees what another process has written", async () => {
    const changes = watching();
    expect((await changes.next()).value).toEqual({ version: undefined });
    const next = changes.next().then((change) => ({ change, seenAt: Date.now() }));
    const task = { store: "local", path: files.path, identityPath: files.identityPath, secret: "db" } as const;
    const [written] = await runWriter({ ...task, kind: "once" });
    const { change, seenAt } = await next;
    expect(written).toMatchObject({ did: "write", version: change.value.version });
    const tookMs = Math.max(0, seenAt - (written?.did === "write" ? written.at : Number.NaN));
    console.log(`watch: another process's write was seen after ${tookMs} ms`);
  });

  it("tells the newest version only to one who comes back late", async () => {
    const changes = watching();
    await changes.next();
    await put("one");
    await put("two");
    const { version } = await put("three");
    // Once another one knows of it, so does the store's watcher.
    const other = watching();
    while ((await other.next()).value.version !== version);
    expect((await changes.next()).value).toEqual({ version });
  });

  it("outlives a store that is gone or half written for a moment, as in a checkout", async () => {
    const { version } = await put("one");
    const before = files.bytes();
    const changes = watching();
    expect((await changes.next()).value).toEqual({ version });
    const next = changes.next();
    const later = await put("two");
    expect((await next).value).toEqual(later);
    const back = changes.next();
    writeFileSync(files.path, before.subarray(0, 200));
    // Not for so long that looks see it often enough to call it damaged.
    await sleep(100);
    writeFileSync(`${files.path}.new`, before, { mode: 0o600 });
    renameSync(`${files.path}.new`, files.path);
    expect((await back).value).toEqual({ version });
  });

  it("fails when the store stays damaged, and each new watch too until it is whole again", async () => {
    const { version } = await put("one");
    const before = files.bytes();
    const changes = watching();
    await changes.next();
    writeFileSync(files.path, before.subarray(0, 200));
    await expect(changes.next()).rejects.toMatchObject({ code: "decode" });
    await expect(watching().next()).rejects.toMatchObject({ code: "decode" });
    writeFileSync(files.path, before);
    expect((await watching().next()).value).toEqual({ version });
  });

  it("after close is refused", async () => {
    await store.close();
    await expect(watching().next()).rejects.toMatchObject({ code: "closed" });
  });
});
