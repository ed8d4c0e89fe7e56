// Writes the tables of what reading costs into docs/providers/*.md, from the vendors' prices and quotas and from the cache's defaults.
// `--check` fails instead of writing where a document says something else.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { table } from "./conformance-reports.ts";
import { root } from "./packages.ts";

/** What docs/caching.md says of the cost: each figure below follows from these. */
export const assumed = {
  secrets: 10,
  requestsPerSecond: 1,
  secretsPerRequest: 2,
  days: 30,
  replicas: [1, 100, 10_000],
  ttlMs: 300_000,
  refreshAheadAt: 0.8,
} as const;

interface Backend {
  /** Calls to the service for one read of one secret. */
  readonly callsPerRead: number;
  readonly dollarsPer10000Calls?: number;
  readonly dollarsPerSecretAndMonth?: number;
  readonly quota?: { readonly callsPerSecond: number; readonly of: string };
}

/** Prices and quotas as the pages that docs/providers/NAME.md links to had them on the day that it names. */
export const backends: Readonly<Record<string, Backend>> = {
  aws: {
    callsPerRead: 1,
    dollarsPer10000Calls: 0.05,
    dollarsPerSecretAndMonth: 0.4,
    quota: { callsPerSecond: 10_000, of: "an account and region" },
  },
  azure: { callsPerRead: 1, dollarsPer10000Calls: 0.03, quota: { callsPerSecond: 400, of: "a vault" } },
  gcp: {
    callsPerRead: 1,
    dollarsPer10000Calls: 0.03,
    dollarsPerSecretAndMonth: 0.06,
    quota: { callsPerSecond: 1_500, of: "a project" },
  },
  vault: { callsPerRead: 1 },
  // The newest version is asked for first, then read by its number.
  conjur: { callsPerRead: 2 },
  kubernetes: { callsPerRead: 1 },
};

/** Reads of one secret in an hour by one replica that goes on using it. */
export const readsPerHour: number = 3_600_000 / (assumed.ttlMs * assumed.refreshAheadAt);

/** Reads a second of one replica. */
export const readsPerSecond = {
  without: assumed.requestsPerSecond * assumed.secretsPerRequest,
  with: (assumed.secrets * readsPerHour) / 3_600,
} as const;

const rounded = (value: number) => value.toLocaleString("en-US", { maximumSignificantDigits: value < 100 ? 2 : 3 });
const percent = (share: number) => (share < 0.000_1 ? "< 0.01 %" : `${rounded(100 * share)} %`);
const dollars = (value: number) => {
  const digits = value < 1_000 ? 2 : 0;
  return `$${value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
};

function cells({ callsPerRead, dollarsPer10000Calls, quota }: Backend, replicas: number, reads: number): string[] {
  const callsPerSecond = replicas * reads * callsPerRead;
  const calls = callsPerSecond * assumed.days * 86_400;
  return [
    rounded(callsPerSecond),
    ...(quota ? [percent(callsPerSecond / quota.callsPerSecond)] : []),
    ...(dollarsPer10000Calls === undefined ? [] : [dollars((calls / 10_000) * dollarsPer10000Calls)]),
  ];
}

export function costTable(backend: Backend): string {
  const { quota, dollarsPer10000Calls, dollarsPerSecretAndMonth } = backend;
  const head = (which: string) => [
    `calls/s ${which}`,
    ...(quota ? ["of the quota"] : []),
    ...(dollarsPer10000Calls === undefined ? [] : ["a month"]),
  ];
  const rows = assumed.replicas.map((replicas) => [
    replicas.toLocaleString("en-US"),
    ...cells(backend, replicas, readsPerSecond.without),
    ...cells(backend, replicas, readsPerSecond.with),
  ]);
  const { secrets, requestsPerSecond, secretsPerRequest, days, ttlMs } = assumed;
  const notes = [
    `Each replica holds ${secrets} secrets and serves ${requestsPerSecond} request a second, which uses ${secretsPerRequest} of them; ${days} days; the cache at its default of ${ttlMs / 60_000} minutes.`,
    ...(quota ? [`The quota is that of ${quota.of}.`] : []),
    ...(dollarsPerSecretAndMonth === undefined
      ? []
      : [`To hold the ${secrets} secrets costs ${dollars(secrets * dollarsPerSecretAndMonth)} a month more, in every line.`]),
  ];
  return `${notes.join("\n")}\n\n${table([["replicas", ...head("without"), ...head("with the cache")], ...rows])}`;
}

const [begin, end] = ["<!-- costs: begin -->", "<!-- costs: end -->"];

/** Puts each table between the markers of its page. Gives the pages that said something else. */
export function writeCosts(write: boolean): string[] {
  const different: string[] = [];
  for (const [name, backend] of Object.entries(backends)) {
    const document = `docs/providers/${name}.md`;
    const file = path.join(root, document);
    const text = readFileSync(file, "utf8");
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from === -1 || to < from) throw new Error(`${document} lacks ${begin} … ${end}`);
    const wanted = `${text.slice(0, from)}${begin}\n${costTable(backend)}\n${text.slice(to)}`;
    if (wanted === text) continue;
    different.push(document);
    if (write) writeFileSync(file, wanted);
  }
  return different;
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  const different = writeCosts(!check);
  if (check && different.length > 0) {
    console.error(`${different.join(", ")}: not what the prices say: node scripts/run.mjs node scripts/provider-costs.ts`);
    process.exitCode = 1;
  }
  for (const [name, backend] of Object.entries(backends)) console.log(`\n${name}\n${costTable(backend)}`);
}
