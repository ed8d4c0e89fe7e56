import { setImmediate as nextTurn } from "node:timers/promises";
import { median, type Row, rounded } from "./row.ts";

export interface Contender {
  readonly name: string;
  /** Untimed, before each round: fetches again what a short freshness has lost meanwhile. */
  prepare?(): Promise<unknown>;
  /** Does its work so many times, in a loop of its own: a shared one would be compiled for all of them at once, and suit none. */
  run(times: number): Promise<unknown> | unknown;
  /** How often a round repeats it, where that differs: what calls a server need not be called a thousand times. */
  readonly times?: number;
}

export interface Contest {
  readonly rounds: number;
  readonly warmUpRounds: number;
  readonly times: number;
  /** Nanoseconds in the unit of the figures. */
  readonly unit: number;
  readonly ours: Contender;
  readonly peers: readonly Contender[];
}

/** The time of one piece of work, in each round. */
export type Times = ReadonlyMap<string, readonly number[]>;

/** Lets all contenders take turns, each round another one first, so that whatever else the machine does meets all of them alike. */
export async function hold({ rounds, warmUpRounds, times, unit, ours, peers }: Contest): Promise<Times> {
  const contenders = [ours, ...peers];
  const taken = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(turn + round + warmUpRounds) % contenders.length] as Contender;
      await contender.prepare?.();
      await nextTurn();
      const repeated = contender.times ?? times;
      const startedAt = process.hrtime.bigint();
      await contender.run(repeated);
      const elapsed = Number(process.hrtime.bigint() - startedAt);
      if (round >= 0) taken.get(contender.name)?.push(elapsed / repeated / unit);
    }
  }
  return taken;
}

/** Compares the first of `names` with the second; the others stand beside it. */
export function row(name: string, taken: Times, names: readonly [string, string, ...string[]], bound: number | null): Row {
  const of = (who: string) => taken.get(who) as readonly number[];
  const [ours, first] = names;
  return {
    name,
    ours: rounded(median(of(ours))),
    peers: Object.fromEntries(names.slice(1).map((who) => [who, rounded(median(of(who)))])),
    ratio: rounded(median(of(ours).map((time, round) => time / (of(first)[round] as number)))),
    bound,
  };
}
