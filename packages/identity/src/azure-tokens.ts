import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { type AccessTokens, heldTokens } from "./access-tokens.ts";
import type { Environment } from "./environment.ts";

export interface AzureTokensOptions {
  /** For the token services. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/** The tokens of this workload, wherever Azure leaves them. */
export function azureTokens(_options: AzureTokensOptions = {}): AccessTokens {
  return heldTokens(async () => {
    throw new SecretsError("unauthenticated", "there is no Azure identity here");
  });
}
