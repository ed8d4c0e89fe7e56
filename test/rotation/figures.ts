import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/** The rows of the table that `npm run test:rotation` closes with, in its order. */
export const rows = {
  alternating: "PostgreSQL under load through rotations, two users in turn",
  swapped: "PostgreSQL under load through rotations, two users in turn, whole pools swapped",
  single: "PostgreSQL under load through rotations, one user",
  leases: "OpenBao database role, leases of 5 s, 60 s of load",
  killed: "a rotation killed in and between all steps",
  simulated: "10,000 simulated leases over 30 days, with faults",
  seen: "from rotated to in use",
  events: "forged, replayed and malformed events",
} as const;

export type Row = keyof typeof rows;

/** What one run of the suite came to, in words: "0 failed of 10,240". */
export interface Figure {
  readonly figure: string;
  /** What the naive twin came to under the same. */
  readonly control: string;
}

export const figuresFolder: string = path.resolve(import.meta.dirname, "../../node_modules/.cache/keyhold/rotation");

/** Leaves a row behind for the table. Several tests may write one row, each under a `part` of its own. */
export function writeFigure(row: Row, figure: Partial<Figure>, part = ""): void {
  mkdirSync(figuresFolder, { recursive: true });
  writeFileSync(path.join(figuresFolder, `${row}${part === "" ? "" : `.${part}`}.json`), JSON.stringify({ row, ...figure }));
}
