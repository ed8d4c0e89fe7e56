import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecrets, type Rotator } from "@keyhold/core";
import { progressBar, type RotateAllProgress, random, rotateAll } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import { afterAll, beforeAll, expect, it } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-rotate-all-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
const open = () =>
  createSecrets({ providers: { memory: memory({ secrets: Object.fromEntries(names.map((name) => [name, "old"])) }) } });
const versionsOf = (secrets: ReturnType<typeof open>) =>
  Promise.all(names.map(async (name) => Number((await secrets.get(`memory://${name}`, { fresh: true })).version)));

it("rotates all, a few at a time, tells each, and lets one that fails stop no other", async () => {
  const secrets = open();
  let [running, most] = [0, 0];
  const rotator: Rotator = {
    kind: "counted",
    create: () => "new",
    async set(_pending, { reference }) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      if (reference === "memory://s3") throw new Error("no");
    },
  };
  const told: RotateAllProgress[] = [];
  const result = await rotateAll(secrets, Object.fromEntries(names.map((name) => [`memory://${name}`, rotator])), {
    concurrency: 3,
    onProgress: (progress) => told.push(progress),
  });
  expect(most).toBe(3);
  expect([result.rotated.length, result.skipped.length]).toEqual([9, 0]);
  expect(result.failed).toMatchObject([{ reference: "memory://s3", error: { code: "unknown" } }]);
  expect(told.map(({ done }) => done)).toEqual(names.map((_, index) => index + 1));
  await secrets.close();
});

it("goes on by its journal where a run was ended, and removes it at the end", async () => {
  const secrets = open();
  const journal = path.join(folder, "journal");
  const died: Rotator = { kind: "died", create: () => "new", set: () => Promise.reject(new Error("killed")) };
  const all = (from: number) =>
    Object.fromEntries(names.map((name, index) => [`memory://${name}`, index < from ? random() : died]));
  await rotateAll(secrets, all(6), { journal });
  const lines = readFileSync(journal, "utf8");
  expect(lines).not.toContain("new");
  // The last line was being written.
  writeFileSync(journal, lines.slice(0, -3));
  const second = await rotateAll(secrets, all(10), { journal });
  expect([second.rotated.length, second.skipped.length]).toEqual([5, 5]);
  expect((await versionsOf(secrets)).filter((version) => version > 2)).toHaveLength(1);
  expect(existsSync(journal)).toBe(false);
  writeFileSync(journal, "something else");
  await expect(rotateAll(secrets, all(10), { journal })).rejects.toMatchObject({ code: "invalid-argument" });
  await secrets.close();
});

it("does not take a line of its journal that was cut off, however many runs died since, for another reference", async () => {
  const journal = path.join(folder, "cut");
  const secrets = createSecrets({ providers: { memory: memory({ secrets: { db: "old", "db-admin": "old" } }) } });
  const died: Rotator = { kind: "died", create: () => "new", set: () => Promise.reject(new Error("killed")) };
  writeFileSync(journal, "keyhold rotation journal 1\nmemory://db");
  await rotateAll(secrets, { "memory://db": died, "memory://db-admin": died }, { journal });
  const last = await rotateAll(secrets, { "memory://db": random(), "memory://db-admin": random() }, { journal });
  expect([last.rotated.length, last.skipped]).toEqual([2, []]);
  writeFileSync(journal, "keyhold rot");
  expect((await rotateAll(secrets, { "memory://db": random() }, { journal })).rotated).toHaveLength(1);
  await secrets.close();
});

it("leaves out what is younger than asked for", async () => {
  const secrets = open();
  const all = Object.fromEntries(names.map((name) => [`memory://${name}`, random()]));
  expect((await rotateAll(secrets, all, { olderThanMs: 3_600_000 })).skipped).toHaveLength(10);
  expect((await rotateAll(secrets, all, { olderThanMs: 0 })).rotated).toHaveLength(10);
  await secrets.close();
});

it("draws one line on a terminal, and a line for each elsewhere", () => {
  const draw = (isTTY: boolean) => {
    const written: string[] = [];
    const bar = progressBar({ isTTY, write: (text) => written.push(text) });
    bar({ reference: "memory://a", outcome: "rotated", done: 1, total: 2 });
    bar({ reference: "memory://b", outcome: "skipped", done: 2, total: 2 });
    return written.join("");
  };
  expect(draw(false)).toBe("1/2 rotated memory://a\n2/2 skipped memory://b\n");
  expect(draw(true).split("\n")).toHaveLength(2);
  expect(draw(true)).toContain("1/2 rotated memory://a");
});
