import { AssertionError } from "node:assert";
import { isSecretsError } from "@keyhold/core";
import { conformanceCases, runCase } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { brokenCalls, leftOpen } from "./kit/broken-calls.ts";
import { brokenChanges } from "./kit/broken-changes.ts";
import { brokenValues } from "./kit/broken-values.ts";
import { brokenHarness, soundHarness } from "./kit/sound.ts";

const allBroken = [...brokenValues, ...brokenChanges, ...brokenCalls];

describe("the conformance kit", () => {
  let caught = 0;
  // One of the broken providers rejects a promise that nobody waits for. The kit has to see it; Vitest would end the run.
  const listeners = process.listeners("unhandledRejection");

  beforeAll(() => {
    process.removeAllListeners("unhandledRejection");
  });

  afterAll(() => {
    for (const listener of listeners) process.on("unhandledRejection", listener);
    for (const server of leftOpen) server.close();
    console.log(`kit: ${allBroken.length} broken providers, ${caught} caught`);
  });

  it.each(allBroken)("catches: $fault", async (broken) => {
    const rule = conformanceCases.find(({ title }) => title === broken.caughtBy);
    expect(rule, `there is no case "${broken.caughtBy}"`).toBeDefined();
    const sound = await runCase(rule!, soundHarness(broken.base));
    expect(sound, "the sound provider passes").toEqual({ behaviour: rule!.behaviour, title: rule!.title, outcome: "passed" });
    const { outcome, error } = await runCase(rule!, brokenHarness(broken));
    expect(outcome).toBe("failed");
    // A TypeError would show a mistake in the broken provider, not one that the kit saw.
    const seen = error instanceof AssertionError || isSecretsError(error) || String(error).includes("nobody waited for");
    expect(seen, String(error)).toBe(true);
    caught++;
  });

  it("has a broken provider for every rule", () => {
    const covered = new Set(allBroken.map(({ caughtBy }) => caughtBy));
    expect(conformanceCases.map(({ title }) => title).filter((title) => !covered.has(title))).toEqual([]);
  });

  it("calls every rule by a title of its own", () => {
    const titles = conformanceCases.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
