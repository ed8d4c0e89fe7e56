import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awsRows } from "./credentials/aws.ts";
import { azureRows } from "./credentials/azure.ts";
import { type Column, checksOf, columns } from "./credentials/checks.ts";
import type { Credential, Holder } from "./credentials/credential.ts";
import { googleRows } from "./credentials/google.ts";
import { everyTime, forever } from "./credentials/naive-holders.ts";
import { startWorld, type World } from "./credentials/world.ts";

let world: World;
let rows: readonly Credential[];
const table: string[] = [];

beforeAll(async () => {
  world = await startWorld();
  rows = [...awsRows(world), ...azureRows(world), ...googleRows(world)];
});
afterAll(async () => {
  console.log(table.join("\n"));
  await world.close();
});

type Outcome = "yes" | "n/a" | string;

async function outcomes(
  credential: Credential,
  holderOf: (credential: Credential) => Promise<Holder>,
  patience?: number,
): Promise<Record<Column, Outcome>> {
  const checks = await checksOf(credential, holderOf, world, patience);
  const found: [Column, Outcome][] = [];
  for (const column of columns) {
    const check = checks[column];
    found.push([
      column,
      check === undefined
        ? "n/a"
        : await check().then(
            () => "yes",
            (error: Error) => error.message,
          ),
    ]);
  }
  return Object.fromEntries(found) as Record<Column, Outcome>;
}

// Longer than usual: all rows one after another, some of them by processes.
describe("every credential", () => {
  it("is proved, taken, held until shortly before its end, made once, and made again once after a refusal", async () => {
    const results: [string, Record<Column, Outcome>][] = [];
    for (const credential of rows) results.push([credential.name, await outcomes(credential, (one) => one.holder())]);
    const width = Math.max(...results.map(([name]) => name.length));
    table.push(
      `${"credential".padEnd(width)}  ${columns.join("  ")}`,
      ...results.map(
        ([name, row]) => `${name.padEnd(width)}  ${columns.map((column) => row[column].padEnd(column.length)).join("  ")}`,
      ),
    );
    const failures = results.flatMap(([name, row]) =>
      columns.filter((column) => !["yes", "n/a"].includes(row[column])).map((column) => `${name}, ${column}: ${row[column]}`),
    );
    expect(failures).toEqual([]);
    expect(world.violations).toEqual([]);
    const checks = results.flatMap(([, row]) => Object.values(row)).filter((outcome) => outcome === "yes").length;
    table.push(`${results.length} credentials, ${checks} checks`);
  });

  it.each([
    ["signs in for each call", everyTime],
    ["keeps its first credential for good", forever],
  ])("fails these checks where its holder %s, the control", async (name, holderOf) => {
    let failed = 0;
    let checked = 0;
    // A process for each call would take its time.
    const counted = rows.filter(({ issued, name: row }) => issued !== undefined && !row.includes("process"));
    for (const credential of counted.filter((_, index) => index % 4 === 0)) {
      const found = Object.values(await outcomes(credential, holderOf, 5)).filter((outcome) => outcome !== "n/a");
      checked += found.length;
      failed += found.filter((outcome) => outcome !== "yes").length;
      expect(
        found.some((outcome) => outcome !== "yes"),
        credential.name,
      ).toBe(true);
    }
    table.push(`a holder that ${name}, the control: ${failed} of ${checked} checks failed`);
  });
});
