import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { type AccessTokens, heldTokens } from "./access-tokens.ts";
import type { Environment } from "./environment.ts";

export interface GoogleTokensOptions {
  /** For the token services. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/** The tokens of this workload, wherever Google leaves them. */
export function googleTokens(_options: GoogleTokensOptions = {}): AccessTokens {
  return heldTokens(async () => {
    throw new SecretsError("unauthenticated", "there is no Google identity here");
  });
}
