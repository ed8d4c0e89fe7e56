// Writes the table of cold starts into docs/serverless.md from test/bench/results-cold.json, which `npm run bench:cold` writes.
// `--check` fails instead of writing where the document says something else.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type Comparison, peerNames } from "../test/bench/cold/comparisons.ts";
import { clouds, modes, peers } from "../test/bench/cold/programs.ts";
import { table } from "./conformance-reports.ts";
import { root } from "./packages.ts";

const document = path.join(root, "docs/serverless.md");
const [begin, end] = ["<!-- cold starts: begin -->", "<!-- cold starts: end -->"];
const results = JSON.parse(readFileSync(path.join(root, "test/bench/results-cold.json"), "utf8")) as readonly Comparison[];
const msOf = new Map(results.flatMap(({ peers: others }) => Object.entries(others)));
for (const { program, ours } of results) msOf.set(program, ours);
const emptyMs = msOf.get("empty") ?? Number.NaN;

const times = (name: string): string => {
  const ms = msOf.get(name);
  return ms === undefined ? "" : (ms / emptyMs).toFixed(1);
};
const named = { static: "static credentials", login: "with a login" } as const;
const rows = clouds.flatMap((cloud) =>
  modes.map((mode) => {
    const of = (what: string) => times(`${cloud} ${mode} ${what}`);
    const others = peers[cloud].map((peer) => `${peerNames[cloud][peer]} ${of(peer)}, bundled ${of(`${peer} bundled`)}`);
    return [`${cloud}, ${named[mode]}`, of("hand"), of("hand bundled"), of("lean"), of("lean bundled"), others.join("; ")];
  }),
);
const agents = ["http", "socket"].flatMap((way) =>
  (["aws", "vault"] as const).map((cloud) => {
    const of = (what: string) => times(`${cloud} agent ${what}`);
    const hand = way === "http" ? [of("http hand"), of("http hand bundled")] : ["", ""];
    const where = `${cloud}, an agent over ${way === "http" ? "loopback" : "a Unix socket"}`;
    return [where, ...hand, of(`${way} lean`), of(`${way} lean bundled`), ""];
  }),
);
const head = ["times an empty process", "by hand", "by hand, bundled", "lean", "lean, bundled", "the vendor's client"];
const made = `${begin}\n${table([head, ...rows, ...agents])}\n${end}`;

const text = readFileSync(document, "utf8");
const wanted = text.slice(0, text.indexOf(begin)) + made + text.slice(text.indexOf(end) + end.length);
if (!process.argv.includes("--check")) writeFileSync(document, wanted);
else if (text !== wanted) {
  console.error("docs/serverless.md does not say what results-cold.json does: node scripts/run.mjs node scripts/cold-table.ts");
  process.exitCode = 1;
}
console.log(made);
