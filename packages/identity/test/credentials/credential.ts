import type { CallContext } from "@keyhold/core";

/** What holds a credential: ours, or a naive one. */
export interface Holder {
  get(context: CallContext): Promise<unknown>;
  reject(value: unknown): boolean;
  /** A credential for another service, where there is such a thing. */
  elsewhere?(context: CallContext): Promise<unknown>;
}

/** What can be wrong with the proof that a credential is made for. */
export type Wrong = "signature" | "audience" | "expiry";

/** One kind of credential, as a row of the table. */
export interface Credential {
  readonly name: string;
  /** A new holder, over new files; with a proof that is wrong where `wrong` says so. */
  holder(wrong?: Wrong): Promise<Holder>;
  /** The wrong proofs that this kind can have. */
  readonly wrongs: readonly Wrong[];
  /** Uses the credential as a service would. Rejects when the service does not take it. */
  accept(value: unknown): Promise<void>;
  /** How many have been given out by the service. Left out where the credential is made here. */
  readonly issued?: () => number;
  /** The service does not take it any more. */
  revoke(value: unknown): void;
  /** How long it lives; undefined: it does not end. */
  readonly lifetimeMs: number | undefined;
  /** What the rejected proofs and the answers of the service hold. */
  readonly canaries: () => readonly string[];
}
