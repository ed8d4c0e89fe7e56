/** One upstream call that may serve several keys. It is aborted when nobody waits for any of them. */
interface Upstream {
  readonly controller: AbortController;
  wanted: number;
}

/** One key on its way. */
export interface Flight<T> {
  readonly outcome: Promise<T>;
  /** False once the key was written or dropped meanwhile: the outcome is for those who wait, and not to be held. */
  readonly isCurrent: () => boolean;
}

interface Waiting<T> extends Flight<T> {
  readonly upstream: Upstream;
  waiters: number;
  settled: boolean;
}

/** One upstream call for each key, however many callers ask. Outcomes never reject; a failure is an outcome too. */
export class Flights<T> {
  readonly #flights = new Map<string, Waiting<T>>();

  has(key: string): boolean {
    return this.#flights.has(key);
  }

  /** Starts one call for `keys`, none of which is under way. `run` gives an outcome for each, in order, and never rejects. */
  start(keys: readonly string[], run: (signal: AbortSignal, isCurrent: (key: string) => boolean) => Promise<readonly T[]>): void {
    const upstream: Upstream = { controller: new AbortController(), wanted: keys.length };
    const mine = new Map<string, Waiting<T>>();
    const isCurrent = (key: string) => this.#flights.get(key) === mine.get(key);
    // A turn later, so that whoever starts the flight is already waiting for it when `run` begins.
    const outcomes = Promise.resolve().then(() => run(upstream.controller.signal, isCurrent));
    keys.forEach((key, index) => {
      const outcome = outcomes.then((all) => {
        flight.settled = true;
        if (isCurrent(key)) this.#flights.delete(key);
        return all[index] as T;
      });
      const flight: Waiting<T> = { outcome, upstream, waiters: 0, settled: false, isCurrent: () => isCurrent(key) };
      mine.set(key, flight);
      this.#flights.set(key, flight);
    });
  }

  /**
   * Waits for a key under way. `wait` ends one caller's wait by its own deadline and signal; when the last caller of a flight has
   * gone before its outcome, the upstream call is aborted.
   */
  async join(key: string, wait: (outcome: Promise<T>) => Promise<T>): Promise<T> {
    const flight = this.#flights.get(key) as Waiting<T>;
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
  #abandon(key: string, flight: Waiting<T>, reason: unknown): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
    flight.upstream.wanted -= 1;
    if (flight.upstream.wanted === 0) flight.upstream.controller.abort(reason);
  }
}
