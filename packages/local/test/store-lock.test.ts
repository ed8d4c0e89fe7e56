import { execFile } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { promisify } from "node:util";
import { local } from "@keyhold/local";
import { callContext } from "@keyhold/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockStore } from "../src/store-lock.ts";
import { type TemporaryStore, temporaryStore } from "./temporary-store.ts";

let files: TemporaryStore;
let lockPath: string;
beforeEach(async () => {
  files = await temporaryStore();
  lockPath = path.join(path.dirname(files.path), ".keyhold.age.lock");
});
afterEach(() => files.remove());

const open = () => local({ path: files.path, identityPath: files.identityPath });
const write = (store = open(), deadlineMs = 10_000) =>
  store.write({ path: "db" }, { kind: "opaque", value: "v" }, {}, callContext({ deadlineMs }));

describe("the lock of a store", () => {
  it("lets in one holder at a time, also within a process", async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 5 }, async () => {
        const lock = await lockStore(files.path, callContext());
        most = Math.max(most, ++inside);
        await turn();
        inside--;
        lock.release();
      }),
    );
    expect(most).toBe(1);
  });

  it("is waited for without blocking the event loop, and until the deadline", async () => {
    const holder = await lockStore(files.path, callContext());
    const waiting = write(open(), 100_000);
    // Of a blocked event loop none of these would come, nor the release.
    for (let tick = 0; tick < 20; tick += 1) await sleep(5);
    await expect(write(open(), 400)).rejects.toMatchObject({ code: "timeout", message: expect.stringMatching(/held the lock/) });
    holder.release();
    await waiting;
  });

  it("is noticed to be another file, when the lock file was deleted and made anew", async () => {
    const first = await lockStore(files.path, callContext());
    rmSync(lockPath);
    const second = await lockStore(files.path, callContext());
    await expect(first.verify()).rejects.toMatchObject({ code: "conflict" });
    await second.verify();
    first.release();
    second.release();
  });

  it("is not needed to read", async () => {
    await write();
    const holder = new DatabaseSync(lockPath);
    holder.exec("BEGIN EXCLUSIVE");
    await open().read({ path: "db" }, callContext());
    holder.close();
  });

  it("is refused where its file is no lock file, which stays as it is", async () => {
    writeFileSync(lockPath, "precious", { mode: 0o600 });
    await expect(write()).rejects.toMatchObject({ code: "decode" });
    expect(existsSync(lockPath)).toBe(true);
  });
});

describe("loading SQLite", () => {
  const root = path.join(import.meta.dirname, "../../..");
  const nodes = [
    ["the Node of these tests", process.execPath],
    ["Node 22", path.join(root, "node_modules/node-22-linux-x64/bin/node")],
  ] as const;

  it.for(nodes)("prints no warning and hides no other one, on %s", async ([, node], test) => {
    if (!existsSync(node)) test.skip("npm has no such Node for this platform");
    const program = `
      import { loadSqlite } from ${JSON.stringify(path.join(root, "packages/local/src/sqlite.ts"))};
      loadSqlite();
      process.emitWarning("another warning");`;
    const { stderr } = await promisify(execFile)(node, [
      "--conditions=@keyhold/source",
      "--input-type=module",
      "--eval",
      program,
    ]);
    expect(stderr).toContain("another warning");
    expect(stderr).not.toMatch(/SQLite|node:sqlite/);
  });
});
