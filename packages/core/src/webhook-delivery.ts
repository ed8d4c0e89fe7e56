/** What was received, whole. */
export interface Delivery {
  readonly method: string;
  /** Names in lower case; of one that came more than once, none: which of them was meant? */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  /** Milliseconds since 1970, by the receiver's clock. */
  readonly receivedAt: number;
}

/** What is remembered of a delivery that was accepted, so that it is not accepted again. */
export interface Receipt {
  /** The same for the same delivery. */
  readonly id: string;
  /** From when on the sender's proof is worth nothing any more, in milliseconds since 1970. */
  readonly untilAt: number;
}

/** Knows its own deliveries. */
export interface Sender {
  /**
   * Undefined: it is not from this sender. @throws SecretsError when that cannot be found out now, as when the keys that it signs with
   * cannot be had: the sender is told to try again.
   */
  verify(delivery: Delivery): Promise<Receipt | undefined>;
}

/** The bytes of a delivery as an id, for senders that give it none of its own. */
export function bodyId({ body }: Delivery): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(body).digest("base64url");
}

/** Compares in constant time, whatever the lengths. */
export function isSame(one: string | Uint8Array, other: string | Uint8Array): boolean {
  const { createHash, timingSafeEqual } = process.getBuiltinModule("node:crypto");
  const digest = (value: string | Uint8Array) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(one), digest(other));
}
