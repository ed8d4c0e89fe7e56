import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { isHeld, type Row } from "./row.ts";

const document = path.join(import.meta.dirname, "../../../docs/performance.md");
const [begin, end] = ["<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"];

function line({ name, ours, peers, ratio, bound }: Row): string {
  const beside = Object.entries(peers).map(([who, figure]) => `${who} ${figure}`);
  const verdict = bound === null ? "" : isHeld({ name, ours, peers, ratio, bound }) ? "held" : "not";
  return `| ${[name, ours, beside.join("; "), ratio, bound ?? "", verdict].join(" | ")} |`;
}

/** Puts the figures between the markers of docs/performance.md. Gives whether they stood there already. */
export function writePerformanceTable(rows: readonly Row[], write: boolean): boolean {
  const head = ["| what | Keyhold | beside it | ratio to the first | bound | |", "| --- | --- | --- | --- | --- | --- |"];
  const made = [begin, ...head, ...rows.map(line), end].join("\n");
  const text = readFileSync(document, "utf8");
  const wanted = text.slice(0, text.indexOf(begin)) + made + text.slice(text.indexOf(end) + end.length);
  if (write) writeFileSync(document, wanted);
  return text === wanted;
}
