/** What a client has done since it was made, as counts. */
export interface Stats {
  /** Served from what is held. */
  readonly hits: number;
  /** Had to wait for the backend. */
  readonly misses: number;
  /** Served past their freshness, because the backend was down. */
  readonly stale: number;
  /** Served from the snapshot on disk, because the backend was down and nothing was held. */
  readonly snapshots: number;
  /** Absences and refusals that were remembered. */
  readonly refusals: number;
  /** Reads ahead of the end of freshness, while the held value was served. */
  readonly refreshes: number;
  /** Calls to drivers; a batch is one. */
  readonly upstreamCalls: number;
  /** Keys that a read failed for. */
  readonly failures: number;
  /** What is held now, and its bytes. */
  readonly entries: number;
  readonly bytes: number;
  /** Secrets that are held under a lease, which are no entries. */
  readonly leases: number;
}

export type Counters = { -readonly [Name in Exclude<keyof Stats, "entries" | "bytes" | "leases">]: number };

export const newCounters = (): Counters => ({
  hits: 0,
  misses: 0,
  stale: 0,
  snapshots: 0,
  refusals: 0,
  refreshes: 0,
  upstreamCalls: 0,
  failures: 0,
});
