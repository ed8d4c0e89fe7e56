// What surrounds the function in the cloud, on this machine: Key Vault, and the endpoint of the managed identity.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type AzureServer, startAzure } from "../../test/servers/azure/start-azure.ts";
import { makeCertificates } from "../../test/servers/certificates.ts";
import { startAzureIdentity } from "../../test/servers/identity/start-azure-identity.ts";
import { startTokenServer } from "../../test/servers/oidc/start-token-server.ts";

export interface Cloud {
  readonly azure: AzureServer;
  /** How the function finds all of it. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export async function startCloud(folder: string): Promise<Cloud> {
  const tls = await makeCertificates();
  const tokens = await startTokenServer({ tls });
  const azure = await startAzure({ tokens, tls });
  const identity = await startAzureIdentity({ tokens, clock: { now: Date.now } });
  const authority = path.join(folder, "authority.pem");
  await writeFile(authority, tls.ca);
  return {
    azure,
    environment: {
      VAULT_URL: azure.url,
      IDENTITY_ENDPOINT: `${identity.url}/msi/token`,
      IDENTITY_HEADER: identity.identityHeader,
      AZURE_CLIENT_ID: identity.clientId,
      NODE_EXTRA_CA_CERTS: authority,
    },
    async close() {
      await Promise.all([azure.close(), identity.close(), tokens.close()]);
    },
  };
}
