import { SecretsError } from "@keyhold/core";
import type { AccessTokenSource } from "./access-tokens.ts";
import { type AzureApplicationOptions, azureApplication } from "./azure-identity.ts";
import { assertionProof, requestAzureToken } from "./azure-token-request.ts";
import { readCredentialFile } from "./read-credential-file.ts";

export interface AzureWorkloadIdentityOptions extends AzureApplicationOptions {
  /** The file of the token that somebody else signed, read at each call as it is rotated. Default: AZURE_FEDERATED_TOKEN_FILE. */
  readonly tokenFile?: string;
}

/**
 * Signs in as an application that trusts another issuer's tokens: a service account of AKS, or a pipeline.
 *
 * @throws SecretsError `unauthenticated` when something is missing or Entra ID refuses.
 * @see https://learn.microsoft.com/en-us/entra/workload-id/workload-identity-federation
 */
export function azureWorkloadIdentity(options: AzureWorkloadIdentityOptions = {}): AccessTokenSource {
  const { environment = process.env } = options;
  return async (scope, context) => {
    const application = azureApplication(options);
    const file = options.tokenFile ?? environment.AZURE_FEDERATED_TOKEN_FILE;
    if (!file) {
      throw new SecretsError("unauthenticated", "there is no federated token for Azure", {
        hint: "Set AZURE_FEDERATED_TOKEN_FILE; AKS does for a service account with a workload identity.",
      });
    }
    const token = await readCredentialFile(file, "the federated token");
    return requestAzureToken(application, assertionProof(token), scope, context);
  };
}
