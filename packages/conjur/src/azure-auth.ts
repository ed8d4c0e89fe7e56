import { azureTokens } from "@keyhold/identity";
import { type ConjurAuth, demandText, hostPath, tokenRequest } from "./auth.ts";

export interface AzureAuthOptions {
  /** The authenticator's service id: `prod` for `authn-azure/prod`. */
  readonly service: string;
  /** The host without `host/`. */
  readonly host: string;
  /**
   * Gives the access token of now of a managed identity, for the resource `https://management.azure.com/`. Default: wherever Azure
   * leaves a workload its identity.
   */
  readonly token?: () => Promise<string>;
}

/**
 * Signs in by `authn-azure`, as a managed identity of Azure.
 *
 * @throws SecretsError `invalid-argument` for an empty service or host.
 * @see https://docs.conjur.org/Latest/en/Content/Operations/Services/azure_authn.htm
 */
export function azureAuth({ service, host, token }: AzureAuthOptions): ConjurAuth {
  demandText("azureAuth", { service, host }, "service", "host");
  const tokens = azureTokens();
  return {
    signIn: (account, context) =>
      tokenRequest(
        hostPath("authn-azure", service, account, host),
        token ?? (() => tokens.get("https://management.azure.com//.default", context)),
      ),
  };
}
