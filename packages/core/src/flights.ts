/** One upstream call that may serve several keys. It is aborted when nobody waits for any of them. */
interface Upstream {
  readonly controller: AbortController;
  wanted: number;
}

/** One key on its way. */
interface Flight<T> {
  readonly outcome: Promise<T>;
  readonly upstream: Upstream;
  /** When it has ended in any case. One that is under way after that was frozen with the process, and brings what was then. */
  readonly overdueAt: number;
  waiters: number;
  settled: boolean;
}

/** One upstream call for each key, however many callers ask. Outcomes never reject; a failure is an outcome too. */
export class Flights<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  has(key: string): boolean {
    const flight = this.#flights.get(key);
    return flight !== undefined && this.#now() <= flight.overdueAt;
  }

  /**
   * Starts one call for `keys`, none of which is under way. `run` gives an outcome for each, in order, within `deadlineMs`, and never
   * rejects. `isCurrent` is false once a key was written or dropped meanwhile, or the outcome is late: then it is for those who wait,
   * and not to be held.
   */
  start(
    keys: readonly string[],
    deadlineMs: number,
    run: (signal: AbortSignal, isCurrent: (key: string) => boolean) => Promise<readonly T[]>,
  ): void {
    const overdueAt = this.#now() + deadlineMs;
    const upstream: Upstream = { controller: new AbortController(), wanted: keys.length };
    const mine = new Map<string, Flight<T>>();
    const isMine = (key: string) => this.#flights.get(key) === mine.get(key);
    const isCurrent = (key: string) => isMine(key) && this.#now() <= overdueAt;
    // A turn later, so that whoever starts the flight is already waiting for it when `run` begins.
    const outcomes = Promise.resolve().then(() => run(upstream.controller.signal, isCurrent));
    keys.forEach((key, index) => {
      const outcome = outcomes.then((all) => {
        flight.settled = true;
        if (isMine(key)) this.#flights.delete(key);
        return all[index] as T;
      });
      const flight: Flight<T> = { outcome, upstream, overdueAt, waiters: 0, settled: false };
      mine.set(key, flight);
      this.#flights.set(key, flight);
    });
  }

  /**
   * Waits for a key under way. `wait` ends one caller's wait by its own deadline and signal; when the last caller of a flight has
   * gone before its outcome, the upstream call is aborted.
   */
  async join(key: string, wait: (outcome: Promise<T>) => Promise<T>): Promise<T> {
    const flight = this.#flights.get(key) as Flight<T>;
    flight.waiters += 1;
    try {
      return await wait(flight.outcome);
    } catch (error) {
      if (flight.waiters === 1 && !flight.settled) this.#abandon(key, flight, error);
      throw error;
    } finally {
      flight.waiters -= 1;
    }
  }

  /** Lets what is under way for these keys reach those who wait, and no one else. */
  detach(matches: (key: string) => boolean): void {
    for (const key of [...this.#flights.keys()]) if (matches(key)) this.#flights.delete(key);
  }

  /** The last caller's reason goes upstream: whether it ran out of time or lost interest says something about the backend. */
  #abandon(key: string, flight: Flight<T>, reason: unknown): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    flight.upstream.wanted -= 1;
    if (flight.upstream.wanted === 0) flight.upstream.controller.abort(reason);
  }
}
