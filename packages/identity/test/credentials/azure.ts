import { azureTokens } from "@keyhold/identity";
import type { Credential, Holder, Wrong } from "./credential.ts";
import { certificateClient, federatedClaims, federatedClient, secretClient, type World } from "./world.ts";

const scope = "https://vault.azure.net/.default";

/** The rows of Azure. */
export function azureRows(world: World): readonly Credential[] {
  const { azure, clock, entra } = world;
  const base = { AZURE_AUTHORITY_HOST: entra.url, AZURE_TENANT_ID: entra.tenant };
  const chain = (environment: Record<string, string>): Holder => {
    const tokens = azureTokens({ environment, tls: { ca: entra.ca } });
    return {
      get: (context) => tokens.get(scope, context),
      reject: (value) => tokens.reject(String(value)),
      elsewhere: (context) => tokens.get("https://management.azure.com/.default", context),
    };
  };
  const revoked = new Set<unknown>();
  const entraIssued = () => entra.requests.filter(({ answer }) => answer?.status === 200).length;
  const common = {
    lifetimeMs: 3_600_000,
    async accept(value: unknown) {
      if (revoked.has(value)) throw new Error("revoked");
      await entra.authority.verify(String(value), { issuer: entra.issuer, audience: "https://vault.azure.net" });
    },
    revoke: (value: unknown) => void revoked.add(value),
    canaries: () => [secretClient.clientSecret, azure.identityHeader],
  };
  const application = { ...common, issued: entraIssued };
  const service = { ...common, issued: () => azure.issued };

  async function federatedFile(wrong?: Wrong): Promise<string> {
    const claims = {
      ...federatedClaims,
      exp: clock.now() / 1000 + (wrong === "expiry" ? -600 : 86_400),
      ...(wrong === "audience" && { aud: "another" }),
    };
    return world.file("federated", await (wrong === "signature" ? world.workload.forge(claims) : world.workload.mint(claims)));
  }

  return [
    {
      ...application,
      name: "Azure client secret",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain({
          ...base,
          AZURE_CLIENT_ID: secretClient.clientId,
          AZURE_CLIENT_SECRET: wrong ? "wrong" : secretClient.clientSecret,
        }),
    },
    {
      ...application,
      name: "Azure client certificate",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain({
          ...base,
          AZURE_CLIENT_ID: certificateClient,
          AZURE_CLIENT_CERTIFICATE_PATH: world.file("app.pem", wrong ? world.otherCertificate : world.certificate),
        }),
    },
    {
      ...application,
      name: "Azure workload identity federation",
      wrongs: ["signature", "audience", "expiry"],
      holder: async (wrong) =>
        chain({ ...base, AZURE_CLIENT_ID: federatedClient, AZURE_FEDERATED_TOKEN_FILE: await federatedFile(wrong) }),
    },
    {
      ...service,
      name: "Azure managed identity (virtual machine)",
      wrongs: [],
      holder: async () => chain({ AZURE_CLIENT_ID: azure.clientId, AZURE_POD_IDENTITY_AUTHORITY_HOST: azure.url }),
    },
    {
      ...service,
      name: "Azure managed identity (App Service, Functions)",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain({
          AZURE_CLIENT_ID: azure.clientId,
          IDENTITY_ENDPOINT: `${azure.url}/msi/token`,
          IDENTITY_HEADER: wrong ? "wrong" : azure.identityHeader,
        }),
    },
    {
      ...service,
      name: "Azure managed identity (Container Apps)",
      wrongs: ["signature"],
      holder: async (wrong) =>
        chain({
          AZURE_CLIENT_ID: azure.clientId,
          // Container Apps names its endpoint by host name.
          IDENTITY_ENDPOINT: `http://localhost:${azure.port}/msi/token`,
          IDENTITY_HEADER: wrong ? "wrong" : azure.identityHeader,
        }),
    },
    ...(["AZURE_CLIENT_ID", "DEFAULT_IDENTITY_CLIENT_ID"] as const).map(
      (named): Credential => ({
        ...service,
        name: `Azure managed identity (Machine Learning, ${named === "AZURE_CLIENT_ID" ? "user" : "system"}-assigned)`,
        wrongs: ["signature"],
        holder: async (wrong) =>
          chain({
            [named]: azure.clientId,
            MSI_ENDPOINT: `${azure.url}/learning/token`,
            MSI_SECRET: wrong ? "wrong" : azure.identityHeader,
          }),
      }),
    ),
  ];
}
