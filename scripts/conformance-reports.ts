import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { ConformanceReport } from "@keyhold/testing";

const folder = path.join(import.meta.dirname, "..", "node_modules", ".cache", "keyhold", "conformance");

/** The providers that ship, in the order of the tables. */
export const shipped = [
  "local",
  "environment",
  "files",
  "aws",
  "aws-lean",
  "azure",
  "azure-lean",
  "gcp",
  "gcp-lean",
  "vault",
  "vault-lean",
  "conjur",
  "kubernetes",
  "kubernetes-volume",
] as const;

/** What the last run of each shipped provider's conformance tests found. */
export function conformanceReports(): readonly ConformanceReport[] {
  if (!existsSync(folder)) return [];
  const found = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")) as ConformanceReport);
  return shipped.flatMap((name) => found.find((report) => report.name === name) ?? []);
}

/** A table in Markdown, padded so that it reads as text too. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column] as number)).join(" | ")} |`;
  const [head, ...body] = rows;
  return [line(head ?? []), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
