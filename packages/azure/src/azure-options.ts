import type { TokenCredentialLike } from "./token-source.ts";

export interface AzureOptions {
  /** The vault's name, such as `ml-prod`. Instead of `vaultUrl`. */
  readonly vaultName?: string;
  /** What a vault's name is followed by. Default: `vault.azure.net`; in China `vault.azure.cn`, for US government `vault.usgovcloudapi.net`. */
  readonly vaultDnsSuffix?: string;
  /** The vault's whole address, such as that of a private endpoint. Instead of `vaultName`. */
  readonly vaultUrl?: string;
  /** Any credential of `@azure/identity`, or whatever else gives tokens. Default: `DefaultAzureCredential`. */
  readonly credential?: TokenCredentialLike;
  /** Where the default credential signs in, such as `https://login.chinacloudapi.cn`. Default: AZURE_AUTHORITY_HOST, or the public cloud. */
  readonly authorityHost?: string;
  /** Sends tokens also to a vault whose host lies outside the domain that its challenge names, as behind a DNS name of your own. Default: false. */
  readonly disableChallengeResourceVerification?: boolean;
  /** Authorities to trust instead of the well-known ones, as PEM text. */
  readonly tls?: { readonly ca?: string | readonly string[] };
}
