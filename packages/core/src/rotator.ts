import type { Secret } from "./secret.ts";
import type { CallOptions } from "./secrets.ts";

/** What `put` takes: text, bytes, or an object for a backend of fields or as JSON. */
export type NewValue = string | Uint8Array | Secret | Readonly<Record<string, unknown>>;

/** What a rotator's steps are told. */
export interface RotationStep {
  /** The secret that is rotated, as `formatReference` writes it. */
  readonly reference: string;
  /** 64 hexadecimal digits: the same for one rotation, however often it is resumed. Good as an idempotency key elsewhere. */
  readonly rotationId: string;
  /** The value that was in use when the rotation began; in `finish`, the one that was replaced. */
  readonly current: Secret;
  /** Aborted at the deadline, by the caller, and when the client closes. */
  readonly signal: AbortSignal;
  /**
   * Asks the backend whether this rotation is still the one under way. A step that changes something elsewhere asks while it holds
   * whatever lock there is: a process that was frozen meanwhile must not set a password that is no longer the pending one.
   * @throws SecretsError `conflict` when it is not.
   */
  confirm(): Promise<void>;
}

/**
 * How one kind of credential is rotated. Every step but `create` may run more than once for one rotation, also in two processes at
 * the same time, and must come to the same. What it throws ends the rotation, which the next `rotate` goes on with; anything but a
 * `SecretsError` is reported without its message, which may quote a value.
 */
export interface Rotator {
  /** In one word, for errors and progress. */
  readonly kind: string;
  /** Makes the new value. It is kept as the pending one before anything else happens. */
  create(step: RotationStep): NewValue | Promise<NewValue>;
  /** Makes whoever checks the credential take the pending one. The current one may stop working here: then say so. */
  set?(pending: Secret, step: RotationStep): void | Promise<void>;
  /** Proves that the pending one works. */
  test?(pending: Secret, step: RotationStep): void | Promise<void>;
  /** Clears up after the pending one has become current: `step.current` is the one that was replaced. */
  finish?(pending: Secret, step: RotationStep): void | Promise<void>;
  /** For a dry run: proves what can be proved without changing anything. */
  check?(step: RotationStep): void | Promise<void>;
}

/** A credential that its backend rotates itself: Vault's static roles, AWS's `RotateSecret`. */
export interface BackendRotator {
  readonly kind: string;
  /** Has the backend rotate, and waits until the new value can be read. */
  rotate(step: Omit<RotationStep, "confirm">): Promise<void>;
}

/** `promote` makes the pending value the current one. */
export type RotationStepName = "create" | "set" | "test" | "promote" | "finish" | "rotate";

export interface RotationProgress {
  readonly reference: string;
  readonly step: RotationStepName;
  /** `skipped`: an earlier run did it, the rotator has none, or this is a dry run. */
  readonly state: "started" | "done" | "skipped";
}

export interface RotateOptions extends CallOptions {
  /** How long the whole rotation may take, in milliseconds. Default: 60,000. */
  readonly deadlineMs?: number;
  /** Looks at everything, runs the rotator's `check`, and changes nothing. */
  readonly dryRun?: boolean;
  /**
   * A reference in a backend with compare-and-set, where backends without one (Azure, Google) keep who may rotate: one for each secret.
   * Everybody who rotates that secret has to name the same.
   */
  readonly coordinator?: string;
  /**
   * Gives up a pending value that was begun from a version which is no longer current, instead of failing with `conflict`; also what
   * `finish` would do after a rotation that died, where the backend has dropped the value that was replaced.
   */
  readonly abandonPending?: boolean;
  /** Called before and after each step. What it throws is dropped. */
  readonly onProgress?: (progress: RotationProgress) => void;
}

/** What came of a rotation. Never a value. */
export interface Rotation {
  readonly reference: string;
  readonly rotationId: string;
  /** The version that is current now. */
  readonly version: string;
  /** The version that it replaced. */
  readonly previousVersion: string;
  /** Whether an earlier run had begun it, or another process had a part in it. */
  readonly resumed: boolean;
  /** Nothing was changed. */
  readonly dryRun: boolean;
}
