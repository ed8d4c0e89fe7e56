import { type GcpProvider, gcpProvider } from "./gcp-provider.ts";
import type { LeanGcpOptions } from "./lean-gcp-options.ts";
import { leanTransport } from "./lean-transport.ts";

/**
 * The same provider as that of `@keyhold/gcp`, over REST and without Google's SDK: for what has to start quickly, or to be small.
 *
 * @throws SecretsError `invalid-argument` for options that are wrong; from its methods, every code of `docs/errors.md`.
 * @example
 * const secrets = createSecrets({ providers: { gcp: gcp({ projectId: "my-project" }) } });
 */
export function leanGcp(options: LeanGcpOptions = {}): GcpProvider {
  return gcpProvider(leanTransport(options), options);
}
