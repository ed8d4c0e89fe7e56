import type { GcpOptions } from "./gcp-options.ts";
import { type GcpProvider, gcpProvider } from "./gcp-provider.ts";
import { sdkTransport } from "./sdk-transport.ts";

/**
 * Google Secret Manager by Google's own SDK, which is loaded at the first call. A path is a secret's id, or its whole resource name
 * (`projects/P/secrets/S`, with `/locations/L` for a regional one); `?version=` is a number or `latest`, `?stage=` an alias.
 *
 * `latest` is the newest version whatever its state: while it is disabled or destroyed, reading is a `conflict`.
 *
 * @throws SecretsError `invalid-argument` for options that are wrong; from its methods, every code of `docs/errors.md`.
 * @example
 * const secrets = createSecrets({ providers: { gcp: gcp({ projectId: "my-project" }) } });
 */
export function gcp(options: GcpOptions = {}): GcpProvider {
  return gcpProvider(sdkTransport(options), options);
}
