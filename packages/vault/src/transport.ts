import type { CallContext } from "@keyhold/core";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface VaultRequest {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** What Vault answers with, but for `data` of unknown shape. https://developer.hashicorp.com/vault/api-docs */
export interface VaultBody {
  readonly data?: unknown;
  readonly errors?: unknown;
  readonly warnings?: unknown;
  readonly lease_id?: unknown;
  readonly lease_duration?: unknown;
  readonly renewable?: unknown;
  readonly auth?: unknown;
  readonly wrap_info?: unknown;
}

export interface VaultAnswer {
  readonly status: number;
  /** Undefined where nothing came, and for a failure that is no JSON. Numbers that a double cannot hold are raw JSON. */
  readonly body: VaultBody | undefined;
  /** A header's value by its name in any case. */
  header(name: string): string | undefined;
}

/**
 * Sends one request of Vault's HTTP API and gives the answer, whatever its status. `path` is decoded and stands below `/v1/`.
 * Nobody signs in here: the token is a header like any other.
 */
export interface Transport {
  /** @throws SecretsError when there is no whole answer, and `decode` for a success that is no JSON. */
  request(method: Method, path: string, request: VaultRequest, context: CallContext): Promise<VaultAnswer>;
  /** When the server's certificate expires, in milliseconds since 1970, once it was seen. */
  certificateExpiresAt(): number | undefined;
  close(): void;
}
