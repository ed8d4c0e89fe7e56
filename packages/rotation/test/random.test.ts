import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecrets } from "@keyhold/core";
import { initStore, local } from "@keyhold/local";
import { custom, random } from "@keyhold/rotation";
import { memory } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-rotation-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("random", () => {
  it("draws texts of the length asked for, with each class and without what is forbidden", async () => {
    const { create } = random({ length: 12, classes: ["lower", "digits", { characters: "-_" }], forbidden: "abc012" });
    for (let round = 0; round < 200; round++) {
      const text = (await create({} as never)) as string;
      expect(text).toMatch(/^[d-z3-9_-]{12}$/);
      expect([/[d-z]/, /[3-9]/, /[-_]/].every((one) => one.test(text))).toBe(true);
    }
  });

  it("draws every character equally often", async () => {
    const characters = "abcdefghij";
    const { create } = random({ length: 1000, classes: [{ characters }] });
    const counts = new Map<string, number>();
    for (let round = 0; round < 20; round++)
      for (const one of (await create({} as never)) as string) counts.set(one, (counts.get(one) ?? 0) + 1);
    const squares = [...characters].map((one) => ((counts.get(one) ?? 0) - 2000) ** 2 / 2000).reduce((sum, one) => sum + one);
    // Chi-squared with nine degrees of freedom: above 50 once in ten million runs.
    expect(squares).toBeLessThan(50);
  });

  it.each([
    ["no length", { length: 0 }],
    ["a class of which nothing is left", { classes: ["digits"], forbidden: "0123456789" }],
    ["more classes than characters", { length: 2, classes: ["lower", "upper", "digits"] }],
  ] as const)("refuses %s", (_what, options) => {
    expect(() => random(options)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("draws one field of a document and keeps the rest", async () => {
    const secrets = createSecrets({ providers: { memory: memory({ secrets: { db: { user: "app", password: "old" } } }) } });
    await secrets.rotate("memory://db", random({ field: "password" }));
    expect((await secrets.get("memory://db")).json()).toEqual({ user: "app", password: expect.stringMatching(/^\w{32}$/) });
    await expect(secrets.rotate("memory://db", random({ field: "pasword" }))).rejects.toMatchObject({ code: "invalid-argument" });
    await secrets.close();
  });
});

it("rotates in the local store, by steps of one's own", async () => {
  const store = { path: path.join(folder, "store", "keyhold.age"), identityPath: path.join(folder, "identity.txt") };
  await mkdir(path.dirname(store.path));
  await initStore(store);
  const secrets = createSecrets({ providers: { local: local(store) } });
  await secrets.put("local://token", "old");
  const finished: string[] = [];
  const rotator = custom({
    create: ({ current }) => `${current.text()}er`,
    finish: (pending, { current }) => void finished.push(`${pending.text()} for ${current.text()}`),
  });
  await secrets.rotate("local://token", rotator);
  expect((await secrets.get("local://token")).text()).toBe("older");
  expect(finished).toEqual(["older for old"]);
  await secrets.close();
});
