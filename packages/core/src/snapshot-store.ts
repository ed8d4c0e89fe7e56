import type { Content } from "./content.ts";
import type { CallContext } from "./provider.ts";

/** A value as a snapshot keeps it. */
export interface SnapshotRecord {
  readonly content: Content;
  readonly version: string;
  /** When the read that gave it began, in milliseconds since 1970. */
  readonly readAt: number;
}

export interface SnapshotChanges {
  /** By reference, without a field. An older one than the store has is dropped. */
  readonly records: ReadonlyMap<string, SnapshotRecord>;
  /** References that must not serve any more, with their versions and stages, and since when: what was read before that is erased. */
  readonly erased: ReadonlyMap<string, number>;
}

/**
 * Keeps the last known good values for a start while the backend is down: `snapshot()` of `@keyhold/local` is one. Any number of
 * processes may share it. What it throws is an event, and never an error to a read.
 */
export interface SnapshotStore {
  /** How old a value may be and still serve, in milliseconds. */
  readonly maxAgeMs: number;
  /** All that is kept. Empty where nothing was kept yet. */
  read(): Promise<ReadonlyMap<string, SnapshotRecord>>;
  /** Erases, then keeps. Either all of it is kept when this resolves, or nothing has changed. */
  change(changes: SnapshotChanges, context: CallContext): Promise<void>;
}
