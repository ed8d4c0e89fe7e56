import type { AccessTokens } from "@keyhold/identity";
import type { GcpOptions, GoogleCredentialsLike } from "./gcp-options.ts";

/** As of `@keyhold/gcp`, but always over REST, and for where tokens come from by default. */
export interface LeanGcpOptions extends Omit<GcpOptions, "credentials" | "fallback"> {
  /**
   * What `googleTokens` of `@keyhold/identity` or one like it gives, any auth client of google-auth-library, or whatever else signs
   * requests. Default: `googleTokens()`, which is Google's application default credentials.
   */
  readonly credentials?: GoogleCredentialsLike | AccessTokens;
}
