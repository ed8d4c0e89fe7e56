import { type Provider, parseReference, type ReadStatus, type ReferenceTo } from "@keyhold/core";
import type { LiveConfig, Secrets } from "keyhold";

/** A table of what a configuration refers to: where it lies, its version and age, and how long one read takes. */
export async function report<N extends string>(
  live: LiveConfig<unknown>,
  secrets: Secrets<N>,
  providers: Readonly<Record<N, Provider>>,
): Promise<string> {
  const rows: string[][] = [];
  for (const { reference, version = "-" } of live.status().flatMap((field) => field.secrets)) {
    const name = parseReference(reference).provider as N;
    const status: ReadStatus = {};
    // The compiler knows references that stand in code; these come from a file.
    const known = reference as ReferenceTo<N>;
    await secrets.get(known, { fresh: true, status });
    rows.push([name, providers[name].kind, reference, version, await ageOf(known, secrets), (status.upstreamMs ?? 0).toFixed(1)]);
  }
  return table(["PROVIDER", "KIND", "REFERENCE", "VERSION", "AGE", "MILLISECONDS"], rows);
}

/** How long ago this was written, as the backend's own list says. */
async function ageOf<N extends string>(reference: ReferenceTo<N>, secrets: Secrets<N>): Promise<string> {
  const whole = reference.replace(/#.*/, "") as typeof reference;
  for await (const item of secrets.list(whole)) {
    const writtenAt = item.updatedAt ?? item.createdAt;
    if (item.reference === whole && writtenAt !== undefined)
      return `${Math.max(0, (Date.now() - writtenAt) / 1_000).toFixed(1)} s`;
  }
  return "-";
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [heading, ...rows];
  const widths = heading.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const padded = (line: readonly string[]) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return lines.map((line) => padded(line).trimEnd()).join("\n");
}
