/** One version of a secret, as the store holds it. */
export interface StoredVersion {
  readonly version: string;
  /** Milliseconds since 1970, as every time here. */
  readonly createdAt: number;
  readonly value: string | Uint8Array;
  readonly contentType?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly idempotencyKey?: string;
  /** Set while it is removed, and can still be brought back. */
  readonly removedAt?: number;
}

export interface StoredSecret {
  readonly createdAt: number;
  /** Newest first, never empty. */
  readonly versions: readonly StoredVersion[];
}

/** All that a store holds. Every change makes a new one. */
export interface StoreDocument {
  readonly recipients: readonly string[];
  /** The number of the last version that was ever given, to any secret: no number is given twice. */
  readonly lastVersion: number;
  readonly secrets: ReadonlyMap<string, StoredSecret>;
}
