export { type CallContextOptions, callContext } from "./call-context.ts";
export type { ChangeEvent, Notified } from "./change-event.ts";
export { type Clock, systemClock } from "./clock.ts";
export type { Content, Json } from "./content.ts";
export { contentVersion } from "./content-version.ts";
export {
  type CacheOptions,
  createSecrets,
  type FreshnessOptions,
  type SecretsEvent,
  type SecretsOptions,
} from "./create-secrets.ts";
export { type ErrorCode, errorCodes, isSecretsError, SecretsError, type SecretsErrorOptions } from "./errors.ts";
export { failover } from "./failover.ts";
export { isAuthenticationError } from "./is-authentication-error.ts";
export type { LapseReason } from "./kept-lease.ts";
export { renewAfterMs, renewalPauseMs } from "./lease-rules.ts";
export {
  type CallContext,
  type Change,
  type CheckReport,
  type Features,
  type Lease,
  type ListQuery,
  type Locator,
  type Page,
  type PendingStage,
  type Provider,
  type RemoveOptions,
  remainingMs,
  type SecretRecord,
  type SecretSummary,
  type VersionState,
  type VersionSummary,
  type WriteOptions,
} from "./provider.ts";
export { putContent } from "./put-content.ts";
export { formatReference, parseReference, providerNamePattern, type Reference } from "./reference.ts";
export type {
  BackendRotator,
  NewValue,
  RotateOptions,
  Rotation,
  RotationProgress,
  RotationStep,
  RotationStepName,
  Rotator,
} from "./rotator.ts";
export { runRotatorStep } from "./rotator-step.ts";
export { isSecret, placeholder, type Secret, secret } from "./secret.ts";
export type {
  CallOptions,
  ChangeListener,
  GetManyOptions,
  GetOptions,
  Handle,
  ListedSecret,
  PutOptions,
  ReadStatus,
  RemoveCallOptions,
  Secrets,
  UseOptions,
} from "./secrets.ts";
export type { SnapshotChanges, SnapshotRecord, SnapshotStore } from "./snapshot-store.ts";
export type { StandardIssue, StandardResult, StandardSchema } from "./standard-schema.ts";
export type { Stats } from "./stats.ts";
export { throwIfEnded } from "./throw-if-ended.ts";
export type { CheckedReference, CheckedReferences, Found, ReferenceTo, SecretsFor } from "./typed-references.ts";
