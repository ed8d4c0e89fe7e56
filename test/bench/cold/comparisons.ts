import type { Measured } from "./measure.ts";
import { type Cloud, clouds, modes, nameOf, peers } from "./programs.ts";

/**
 * One line of `results-cold.json`. Times are milliseconds of the processor from the start of the process to the first secret: what else
 * the machine does at that time changes them by a tenth, and those of the clock by a factor of three.
 */
export interface Comparison {
  readonly name: string;
  /** Which program is ours. */
  readonly program: string;
  readonly ours: number;
  /** What it is compared with first; others stand beside it. */
  readonly peers: Readonly<Record<string, number>>;
  /** Ours by the first of the peers: the median of each round's own ratio. */
  readonly ratio: number;
  /** The most that it may be, or null where there is no promise. */
  readonly bound: number | null;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
export const rounded = (value: number, digits = 1): number => Number(value.toFixed(digits));

type Found = ReadonlyMap<string, Measured>;

function compare(found: Found, name: string, ours: string, others: readonly string[], bound: number | null | "10 ms more") {
  const mine = found.get(ours);
  const theirs = others.flatMap((other) => {
    const one = found.get(other);
    return one === undefined ? [] : [[other, one] as const];
  });
  const first = theirs[0]?.[1];
  if (mine === undefined || first === undefined || theirs[0]?.[0] !== others[0]) return [];
  const base = median(first.cpuMs);
  const comparison: Comparison = {
    name,
    program: ours,
    ours: rounded(median(mine.cpuMs)),
    peers: Object.fromEntries(theirs.map(([other, { cpuMs }]) => [other, rounded(median(cpuMs))])),
    ratio: rounded(median(mine.cpuMs.map((ms, round) => ms / (first.cpuMs[round] as number))), 3),
    bound: bound === "10 ms more" ? rounded((base + 10) / base, 3) : bound,
  };
  return [comparison];
}

/** What people call the programs of `peers`. */
export const peerNames: Readonly<Record<Cloud, Readonly<Record<string, string>>>> = {
  aws: { sdk: "AWS's SDK", powertools: "Powertools" },
  azure: { sdk: "Azure's SDK" },
  gcp: { sdk: "Google's SDK" },
  vault: { sdk: "node-vault" },
};

const peerBound = (cloud: Cloud): number => (cloud === "aws" || cloud === "vault" ? 0.55 : 0.25);

/** Everything that is promised, as far as it was measured. */
export function comparisons(found: Found): Comparison[] {
  const pairs = clouds.flatMap((cloud) => modes.map((mode) => [cloud, mode] as const));
  return [
    ...pairs.flatMap(([cloud, mode]) => {
      const title = `${cloud}, ${mode === "static" ? "static credentials" : "with a login"}`;
      const name = (what: string, bundled = false) => nameOf(cloud, mode, what, bundled);
      return [
        ...compare(found, `${title}: lean by hand`, name("lean"), [name("hand")], 1.1),
        ...compare(found, `${title}: lean by hand, bundled`, name("lean", true), [name("hand", true)], 1.1),
        ...compare(found, `${title}: lean by an empty process, bundled`, name("lean", true), ["empty", name("hand", true)], 2.2),
        ...peers[cloud].flatMap((peer) => {
          // The promise about Azure is about signing in by DefaultAzureCredential, which a static credential does without.
          const bound = cloud === "azure" && mode === "static" ? null : peerBound(cloud);
          return compare(found, `${title}: lean by ${peerNames[cloud][peer]}`, name("lean"), [name(peer)], bound);
        }),
        ...peers[cloud].flatMap((peer) =>
          compare(
            found,
            `${title}: lean by ${peerNames[cloud][peer]}, both bundled`,
            name("lean", true),
            [name(peer, true)],
            null,
          ),
        ),
        ...compare(found, `${title}: ours over the SDK by the bare SDK`, name("keyhold over sdk"), [name("sdk")], "10 ms more"),
      ];
    }),
    ...clouds.flatMap((cloud) =>
      ["http", "socket"].flatMap((way) =>
        [false, true].flatMap((bundled) => {
          const suffix = bundled ? " bundled" : "";
          const [ours, hand] = [`${cloud} agent ${way} lean${suffix}`, `${cloud} agent http hand${suffix}`];
          const over = way === "http" ? "loopback" : "a Unix socket";
          const title = `${cloud}, an agent over ${over}: lean by an empty process${bundled ? ", bundled" : ""}`;
          // Unbundled, even the program by hand needs all of it.
          return compare(found, title, ours, ["empty", hand], bundled ? 1.5 : null);
        }),
      ),
    ),
    ...[false, true].flatMap((bundled) => {
      const suffix = bundled ? " bundled" : "";
      const title = `aws, 50 secrets: lean by hand, a batch in parallel${bundled ? ", bundled" : ""}`;
      return compare(found, title, `aws fifty lean${suffix}`, [`aws fifty hand${suffix}`], 1.2);
    }),
  ];
}
