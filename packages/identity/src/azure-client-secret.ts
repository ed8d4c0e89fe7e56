import { SecretsError } from "@keyhold/core";
import type { AccessTokenSource } from "./access-tokens.ts";
import { type AzureApplicationOptions, azureApplication } from "./azure-identity.ts";
import { requestAzureToken } from "./azure-token-request.ts";

export interface AzureClientSecretOptions extends AzureApplicationOptions {
  /** Default: AZURE_CLIENT_SECRET. */
  readonly clientSecret?: string;
}

/**
 * Signs in as an application by its secret.
 *
 * @throws SecretsError `unauthenticated` when something is missing or Entra ID refuses.
 * @see https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
 */
export function azureClientSecret(options: AzureClientSecretOptions = {}): AccessTokenSource {
  const { environment = process.env } = options;
  return async (scope, context) => {
    const secret = options.clientSecret ?? environment.AZURE_CLIENT_SECRET;
    if (!secret) {
      throw new SecretsError("unauthenticated", "there is no client secret for Azure", { hint: "Set AZURE_CLIENT_SECRET." });
    }
    return requestAzureToken(azureApplication(options), { client_secret: secret }, scope, context);
  };
}
