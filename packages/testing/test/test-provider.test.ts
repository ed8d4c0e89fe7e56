import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ConformanceReport } from "@keyhold/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

interface Run {
  readonly status: number | null;
  readonly output: string;
}

/** Runs the fixtures in a Vitest of their own. */
function runFixtures(directory: string): Promise<Run> {
  const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
  const environment = { ...process.env, KEYHOLD_CONFORMANCE_DIRECTORY: directory, NO_COLOR: "1" };
  const child = spawn(
    process.execPath,
    [vitest, "run", "--root", path.join(import.meta.dirname, "fixtures"), "--reporter=tree"],
    {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 110_000,
    },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, output })));
}

describe("testProvider", () => {
  const directory = mkdtempSync(path.join(tmpdir(), "keyhold-conformance-"));
  let run: Run;
  let report: ConformanceReport;
  beforeAll(async () => {
    run = await runFixtures(directory);
    report = JSON.parse(readFileSync(path.join(directory, "forgetful-provider.json"), "utf8"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const failed = () => report.cases.filter(({ outcome }) => outcome === "failed").map(({ title }) => title);

  it("fails the run for a provider that breaks a rule, and names the rule", () => {
    expect(run.status).toBe(1);
    expect(failed()).toContain("what is not there is not-found, never null or empty");
    expect(run.output).toContain("expected not-found, but the call succeeded with null");
  });

  it("fails for a code that nothing drives and nothing excuses, and for an excuse that is none", () => {
    expect(failed()).toEqual(expect.arrayContaining(["the error permission-denied is given", "the error conflict is given"]));
    expect(run.output).toContain('nothing drives permission-denied: add breakIt["permission-denied"]');
    expect(run.output).toContain("notApplicable excuses conflict, which is driven");
    expect(report.codes["permission-denied"]).toBeUndefined();
    expect(report.codes["invalid-argument"]).toEqual({ driven: true });
    expect(report.codes.decode).toEqual({ driven: false, reason: "the client decodes, a driver does not" });
  });

  it("fails for a skipped test that does not exist", () => {
    expect(run.output).toMatch(/× every skipped test exists/);
    expect(run.output).toContain("a title of long ago");
  });

  it("prints each exception with its reason and writes it down", () => {
    expect(run.output).toMatch(/conformance forgetful provider: \d+ passed, \d+ failed, 1 skipped, \d+ n\/a; \d+ of 13/);
    expect(run.output).toContain("  skipped: no labels here (labels that are written are read)");
    expect(report.cases).toContainEqual({
      behaviour: "write",
      title: "labels that are written are read",
      outcome: "skipped",
      reason: "no labels here",
    });
  });
});
