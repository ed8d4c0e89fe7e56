/** One line of `results.json`; its name says the unit. Less is better in each. */
export interface Row {
  readonly name: string;
  readonly ours: number;
  /** What the ratio is taken with first; others stand beside it. */
  readonly peers: Readonly<Record<string, number>>;
  /** Ours by the first of the peers: the median of each round's own ratio. */
  readonly ratio: number;
  /** The most that the ratio may be, or null where nothing is promised. */
  readonly bound: number | null;
}

/** A machine that others use measures wrong by a tenth now and then, never by half. */
const tolerated = 1.5;

export const isHeld = ({ ratio, bound }: Row): boolean => bound === null || ratio <= bound;

export const isFarOff = ({ ratio, bound }: Row): boolean => bound !== null && ratio > tolerated * bound;

/** More digits than these no run repeats. */
export const rounded = (value: number): number => Number(value.toPrecision(3));

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] as number;
