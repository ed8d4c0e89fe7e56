import type { CallContext } from "@keyhold/core";

/** The methods of Google's SecretManagerService that the provider uses, by Google's own names. */
export type Method =
  | "AccessSecretVersion"
  | "AddSecretVersion"
  | "CreateSecret"
  | "DeleteSecret"
  | "DestroySecretVersion"
  | "DisableSecretVersion"
  | "EnableSecretVersion"
  | "GetSecret"
  | "GetSecretVersion"
  | "ListSecretVersions"
  | "ListSecrets"
  | "UpdateSecret";

/**
 * Sends one call and gives its answer, or throws a `SecretsError`. Requests and answers are Google's own messages with their names
 * in camel case: bytes as `Uint8Array`, 64-bit numbers as text, enumerations by name, times as `Timestamp`.
 * https://cloud.google.com/secret-manager/docs/reference/rpc/google.cloud.secretmanager.v1
 */
export interface Transport {
  call<Output>(method: Method, request: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output>;
  /** The project that the credentials or the environment name. */
  projectId(context: CallContext): Promise<string>;
  close(): void;
}

export interface Timestamp {
  readonly seconds?: string | number | null;
  readonly nanos?: number | null;
}

/** `AccessSecretVersion`'s answer. */
export interface AccessedVersion {
  readonly name: string;
  readonly payload?: { readonly data?: Uint8Array | null; readonly dataCrc32c?: string | number | null } | null;
}

export interface SecretMessage {
  readonly name: string;
  readonly createTime?: Timestamp | null;
  readonly expireTime?: Timestamp | null;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly etag?: string | null;
}

export interface VersionMessage {
  readonly name: string;
  readonly state?: string | null;
  readonly createTime?: Timestamp | null;
  readonly scheduledDestroyTime?: Timestamp | null;
  readonly etag?: string | null;
}

export interface SecretsPage {
  readonly secrets?: readonly SecretMessage[] | null;
  readonly nextPageToken?: string | null;
}

export interface VersionsPage {
  readonly versions?: readonly VersionMessage[] | null;
  readonly nextPageToken?: string | null;
}
