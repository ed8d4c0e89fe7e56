import { isHeld, type Row } from "./row.ts";

const peerText = ([name, figure]: readonly [string, number]) => `${name} ${figure}`;

function verdict(row: Row): string {
  if (row.bound === null) return "–";
  return isHeld(row) ? "held" : `not, by ${((row.ratio / row.bound - 1) * 100).toFixed(0)} %`;
}

export function printRows(rows: readonly Row[]): void {
  console.log(`${"what".padEnd(50)} ${"ours".padStart(7)} ${"ratio".padStart(7)} ${"bound".padStart(6)}  held?          beside`);
  for (const row of rows) {
    const figures = [String(row.ours).padStart(7), row.ratio.toFixed(2).padStart(7), (row.bound?.toFixed(2) ?? "–").padStart(6)];
    const beside = Object.entries(row.peers).map(peerText).join(", ");
    console.log(`${row.name.padEnd(50)} ${figures.join(" ")}  ${verdict(row).padEnd(14)} ${beside}`);
  }
}
