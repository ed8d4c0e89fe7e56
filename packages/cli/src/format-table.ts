import { styleText } from "node:util";
import stringWidth from "fast-string-width";
import { printable } from "./printable.ts";

/** Rows under a heading, in columns that line up; the last column keeps its own length. */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [heading, ...rows].map((row) => row.map(printable));
  const widths = heading.map((_name, column) => Math.max(...cells.map((row) => stringWidth(row[column] ?? ""))));
  const lines = cells.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - stringWidth(cell)))
      .join("  ")
      .trimEnd(),
  );
  return [styleText("bold", lines[0] ?? "", { stream: process.stdout }), ...lines.slice(1)].map((line) => `${line}\n`).join("");
}
