import type { Clock } from "./clock.ts";
import type { SecretsError } from "./errors.ts";
import type { Provider } from "./provider.ts";
import type { Secrets } from "./secrets.ts";
import { SecretsClient } from "./secrets-client.ts";

export interface CacheOptions {
  /** How long a value is fresh, in milliseconds. Default: 300,000. */
  readonly ttlMs?: number;
  /** How many values are held at most. Default: 1,000. */
  readonly maxEntries?: number;
  /** How many bytes of values are held at most. Default: 16 MiB. A larger value is returned and not held. */
  readonly maxBytes?: number;
}

/** What happens beside the calls. Never a value. */
export type SecretsEvent =
  | { readonly type: "changed"; readonly reference: string; readonly version: string | undefined }
  | { readonly type: "watch-failed"; readonly reference: string; readonly error: SecretsError }
  | { readonly type: "listener-failed"; readonly reference: string }
  | { readonly type: "close-failed"; readonly provider: string; readonly error: SecretsError };

export interface SecretsOptions<P extends Readonly<Record<string, Provider>>> {
  /** The name in references, and its provider. Two accounts of one cloud are two names. */
  readonly providers: P;
  readonly cache?: CacheOptions;
  /** How long a call may take unless it says otherwise, in milliseconds. Default: 10,000. */
  readonly deadlineMs?: number;
  /** Called for what happens beside the calls. What it throws is dropped. */
  readonly onEvent?: (event: SecretsEvent) => void;
  /** For tests. */
  readonly clock?: Clock;
}

/**
 * Makes the client. It opens nothing: each provider signs in at its first call. Close it on shutdown.
 *
 * @throws SecretsError `invalid-argument` for a provider name that no reference can hold, or options out of range.
 * @example
 * const secrets = createSecrets({ providers: { local: local() } });
 * const key = await secrets.get("local://openai");
 */
export function createSecrets<const P extends Readonly<Record<string, Provider>>>(
  options: SecretsOptions<P>,
): Secrets<keyof P & string> {
  return new SecretsClient(options) as unknown as Secrets<keyof P & string>;
}
