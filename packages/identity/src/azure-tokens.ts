import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import { type AccessTokenSource, type AccessTokens, heldTokens } from "./access-tokens.ts";
import { azureClientCertificate } from "./azure-client-certificate.ts";
import { azureClientSecret } from "./azure-client-secret.ts";
import { azureManagedIdentity } from "./azure-managed-identity.ts";
import { azureWorkloadIdentity } from "./azure-workload-identity.ts";
import type { Environment } from "./environment.ts";

export interface AzureTokensOptions {
  /** For Entra ID. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

/** What AZURE_TOKEN_CREDENTIALS may name, besides what only a developer's machine has. */
const chains: Readonly<Record<string, readonly ("environment" | "workload" | "managed")[]>> = {
  prod: ["environment", "workload", "managed"],
  environmentcredential: ["environment"],
  workloadidentitycredential: ["workload"],
  managedidentitycredential: ["managed"],
};

function chosen(options: AzureTokensOptions): AccessTokenSource {
  const { environment = process.env } = options;
  const name = (environment.AZURE_TOKEN_CREDENTIALS || "prod").trim().toLowerCase();
  const chain = Object.hasOwn(chains, name) ? (chains[name] as (typeof chains)[string]) : undefined;
  if (chain === undefined) {
    throw new SecretsError("unsupported", "AZURE_TOKEN_CREDENTIALS names a credential that is not read here", {
      hint: "Set it to prod, or give the provider a credential of @azure/identity.",
    });
  }
  const isApplication = environment.AZURE_TENANT_ID && environment.AZURE_CLIENT_ID;
  const [last] = chain.slice(-1);
  const configured = chain.find(
    (source) =>
      source === last ||
      (isApplication &&
        (source === "workload"
          ? environment.AZURE_FEDERATED_TOKEN_FILE
          : environment.AZURE_CLIENT_SECRET || environment.AZURE_CLIENT_CERTIFICATE_PATH)),
  );
  if (configured === "managed") return azureManagedIdentity(options);
  if (configured === "workload") return azureWorkloadIdentity(options);
  const hasCertificate = !environment.AZURE_CLIENT_SECRET && environment.AZURE_CLIENT_CERTIFICATE_PATH;
  return hasCertificate ? azureClientCertificate(options) : azureClientSecret(options);
}

/**
 * The tokens of this workload, in the order of the half of `DefaultAzureCredential` that is for production: a client secret or
 * certificate in the environment, workload identity, managed identity. The first that is configured is the one.
 *
 * @throws SecretsError, from `get`, as the source does that is chosen.
 * @see https://learn.microsoft.com/en-us/azure/developer/javascript/sdk/authentication/credential-chains
 * @example
 * const tokens = azureTokens();
 * const authorization = `Bearer ${await tokens.get("https://vault.azure.net/.default", context)}`;
 */
export function azureTokens(options: AzureTokensOptions = {}): AccessTokens {
  return heldTokens(async (scope, context) => chosen(options)(scope, context));
}
