import { SecretsError } from "@keyhold/core";
import { type AccessTokens, heldTokens } from "./access-tokens.ts";
import type { GoogleTokensOptions } from "./google-tokens.ts";

/** Identity tokens of this workload: the scope of `get` is their audience. */
export function googleIdentityTokens(_options: GoogleTokensOptions = {}): AccessTokens {
  return heldTokens(async () => {
    throw new SecretsError("unauthenticated", "there is no Google identity here");
  });
}
