import type { Sent } from "../load.ts";

/** A stretch of the run. Times in milliseconds since 1970. */
export interface Stretch {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

export interface Row {
  readonly name: string;
  readonly requests: number;
  readonly failed: number;
  /** By what it was, how often. */
  readonly failures: Readonly<Record<string, number>>;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** What became of the requests that were due in a stretch. */
export function rowOf(sent: readonly Sent[], { name, from, to }: Stretch): Row {
  const own = sent.filter(({ dueAt }) => dueAt >= from && dueAt < to);
  const failures: Record<string, number> = {};
  for (const { failure } of own) if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1;
  const took = own.map(({ tookMs }) => tookMs).sort((one, other) => one - other);
  const percentile = (part: number) => Math.round(took[Math.min(took.length - 1, Math.floor(took.length * part))] ?? 0);
  return {
    name,
    requests: own.length,
    failed: own.filter(({ failure }) => failure !== undefined).length,
    failures,
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
  };
}

/** Columns of text, the first to the left and the others to the right. */
export function table(lines: readonly (readonly (string | number)[])[]): string {
  const widths = (lines[0] ?? []).map((_head, column) => Math.max(...lines.map((line) => String(line[column]).length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? String(cell).padEnd(widths[0] ?? 0) : String(cell).padStart(widths[column] ?? 0)))
        .join("   "),
    )
    .join("\n");
}
