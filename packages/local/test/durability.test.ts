import { local } from "@keyhold/local";
import { describe, it } from "vitest";
import type { Subject } from "./durability/check.ts";
import { checkTimeoutMs, durabilityChecks, effort } from "./durability/checks.ts";
import { temporaryStore } from "./temporary-store.ts";

const subject: Subject = { store: "local", open: ({ path, identityPath }) => local({ path, identityPath }) };

describe("the local store", () => {
  for (const check of durabilityChecks) {
    it(check.title, { timeout: checkTimeoutMs }, async (test) => {
      const reason = check.skip?.();
      if (reason !== undefined) test.skip(reason);
      const files = await temporaryStore();
      try {
        const figure = await check.run(subject, files, effort);
        if (figure) console.log(`durability: ${check.title}: ${figure}`);
      } finally {
        files.remove();
      }
    });
  }
});
