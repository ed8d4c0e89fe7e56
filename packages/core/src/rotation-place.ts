import type { Content } from "./content.ts";
import type { SecretRecord } from "./provider.ts";

/** What is found when a rotation looks. */
export interface RotationState {
  readonly current: SecretRecord;
  /** What this rotation is called: it follows from the secret and the version that is to be replaced. */
  readonly id: string;
  /** The value that waits, or that has become current and is not cleared up after yet. */
  readonly pending?: {
    readonly content: Content;
    readonly isCurrent: boolean;
    /** The version that it replaces, and what that was: undefined where the backend has dropped it since. */
    readonly from: string;
    readonly replaced: SecretRecord | undefined;
    /** Of the record beside the secret. */
    readonly recordVersion?: string;
  };
  /** A value waits that was begun from another version, or by somebody else. */
  readonly stale: boolean;
  /** Of the record beside the secret, also of one that says nothing. */
  readonly recordVersion?: string;
}

/** Where a pending value lies in one backend, and what keeps two rotations apart there. */
export interface RotationPlace {
  look(): Promise<RotationState>;
  /** @throws SecretsError `conflict` where somebody was first: look again. */
  add(state: RotationState, content: Content): Promise<void>;
  /** @throws SecretsError `conflict` where the current version is another by now. */
  promote(state: RotationState): Promise<void>;
  /** Forgets the pending value, if it is still this one. */
  clear(state: RotationState): Promise<void>;
}

/** 64 hexadecimal digits, which AWS takes for the id of a version. Two who rotate the same version give it the same name. */
export function rotationId(path: string, fromVersion: string): string {
  const hash = process.getBuiltinModule("node:crypto").createHash("sha256");
  return hash.update(JSON.stringify(["keyhold rotation", path, fromVersion])).digest("hex");
}
