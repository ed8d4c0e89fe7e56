import { SecretsError } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import type { Environment } from "./environment.ts";

/** What every way to sign in to Entra ID as an application needs. */
export interface AzureApplicationOptions {
  /** Default: AZURE_TENANT_ID. */
  readonly tenantId?: string;
  /** Default: AZURE_CLIENT_ID. */
  readonly clientId?: string;
  /** Entra ID's address in this cloud. Default: AZURE_AUTHORITY_HOST, then `https://login.microsoftonline.com`. */
  readonly authorityHost?: string;
  /** For Entra ID. */
  readonly tls?: TlsOptions;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

export interface AzureApplication {
  readonly clientId: string;
  /** Where tokens are asked for; the audience of assertions too. */
  readonly tokenUrl: string;
  readonly tls: TlsOptions | undefined;
}

const missing = (what: string): SecretsError =>
  new SecretsError("unauthenticated", `there is no ${what} to sign in to Azure with`, {
    hint: `Set AZURE_${what.toUpperCase().replaceAll(" ", "_")}.`,
  });

/** @throws SecretsError `unauthenticated` for what is missing, `invalid-argument` for a tenant that is none. */
export function azureApplication(options: AzureApplicationOptions): AzureApplication {
  const { environment = process.env, tls } = options;
  const tenantId = options.tenantId ?? environment.AZURE_TENANT_ID;
  const clientId = options.clientId ?? environment.AZURE_CLIENT_ID;
  if (!tenantId) throw missing("tenant id");
  if (!clientId) throw missing("client id");
  if (!/^[0-9A-Za-z.-]+$/.test(tenantId)) {
    // It becomes a part of the address that the credential is sent to.
    throw new SecretsError("invalid-argument", "the Azure tenant is neither an id nor a domain", {
      hint: "Check AZURE_TENANT_ID.",
    });
  }
  const authority = options.authorityHost ?? (environment.AZURE_AUTHORITY_HOST || "https://login.microsoftonline.com");
  return { clientId, tokenUrl: `${authority.replace(/\/+$/, "")}/${tenantId}/oauth2/v2.0/token`, tls };
}
