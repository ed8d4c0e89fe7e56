import type { CallContext } from "@keyhold/core";
import type { AccessTokens } from "@keyhold/identity";
import type { VaultAuth } from "./auth.ts";
import { identity } from "./identity.ts";
import { type Given, given, signIn } from "./login.ts";

export interface AzureAuthOptions {
  /** The role in Vault. */
  readonly role: string;
  /** The resource that Vault's method is configured with. Default: `https://management.azure.com/`. */
  readonly resource?: string;
  /** An access token for that resource. Default: wherever Azure leaves a workload its identity. */
  readonly token?: Given;
  /** Where the role is bound to more than service principals, Vault wants to know what this runs on. */
  readonly subscriptionId?: string;
  readonly resourceGroupName?: string;
  readonly vmName?: string;
  /** The scale set's name. */
  readonly vmssName?: string;
  /** The resource that the identity belongs to, where it is no virtual machine. */
  readonly resourceId?: string;
  /** Default: `azure`. */
  readonly mount?: string;
}

/**
 * Signs in as a managed identity or an application of Azure.
 *
 * @see https://developer.hashicorp.com/vault/api-docs/auth/azure#login
 */
export function azureAuth(options: AzureAuthOptions): VaultAuth {
  const method = "Azure";
  const { role, resource = "https://management.azure.com/", mount = "azure" } = options;
  let tokens: AccessTokens | undefined;
  const ownToken = async (context: CallContext) => {
    tokens ??= (await identity()).azureTokens();
    return tokens.get(`${resource}/.default`, context);
  };
  return {
    method,
    issuesTokens: true,
    async login(login) {
      const jwt = await given(options.token ?? (() => ownToken(login.context)), method);
      const body = {
        role,
        jwt,
        subscription_id: options.subscriptionId,
        resource_group_name: options.resourceGroupName,
        vm_name: options.vmName,
        vmss_name: options.vmssName,
        resource_id: options.resourceId,
      };
      try {
        return await signIn(method, { mount, body }, login);
      } catch (error) {
        // The next login shows a new one.
        tokens?.reject(jwt);
        throw error;
      }
    },
  };
}
