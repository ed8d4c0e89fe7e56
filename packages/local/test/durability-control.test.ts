import { expect, it } from "vitest";
import type { Subject } from "./durability/check.ts";
import { controlEffort, durabilityChecks } from "./durability/checks.ts";
import { naiveStore } from "./naive-store.ts";
import { WriterBroken } from "./run-writer.ts";
import { temporaryStore } from "./temporary-store.ts";

const subject: Subject = { store: "naive", open: ({ path, identityPath }) => naiveStore(path, identityPath, () => {}) };

it("the same checks find out a store that just writes its file", async () => {
  const failures: string[] = [];
  let done = 0;
  for (const check of durabilityChecks) {
    if (check.skip?.() !== undefined) continue;
    const files = await temporaryStore();
    done++;
    try {
      await check.run(subject, files, controlEffort);
    } catch (error) {
      if (error instanceof WriterBroken) throw error;
      failures.push(check.title);
    } finally {
      files.remove();
    }
  }
  console.log(`control: naive store: ${failures.length} failures in ${done} checks\n  ${failures.join("\n  ")}`);
  expect(failures.length).toBeGreaterThanOrEqual(8);
});
