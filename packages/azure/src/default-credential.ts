import type { AzureOptions } from "./azure-options.ts";
import { loadPackage } from "./load-package.ts";
import type { TokenCredentialLike } from "./token-source.ts";

/** Azure's default chain: environment, workload identity, managed identity, developer tools. Loaded and made at the first sign-in. */
export function defaultCredential({ authorityHost }: AzureOptions): () => Promise<TokenCredentialLike> {
  let making: Promise<TokenCredentialLike> | undefined;
  const make = async () => {
    const identity = await loadPackage("@azure/identity", () => import("@azure/identity"), ", or pass credential to azure()");
    // The public cloud vouches for its own authorities only; one that is named here is trusted by its being named.
    const authority = authorityHost === undefined ? {} : { authorityHost, disableInstanceDiscovery: true };
    return new identity.DefaultAzureCredential({ ...authority, retryOptions: { maxRetries: 0 } });
  };
  return () => {
    making ??= make();
    return making.catch((error) => {
      making = undefined;
      throw error;
    });
  };
}
