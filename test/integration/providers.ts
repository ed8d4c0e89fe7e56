import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ClientSecretCredential } from "@azure/identity";
import { type AwsProvider, aws } from "@keyhold/aws";
import { type AzureProvider, azure } from "@keyhold/azure";
import { apiKeyAuth, type ConjurProvider, conjur } from "@keyhold/conjur";
import { type GcpProvider, gcp } from "@keyhold/gcp";
import { initStore, type LocalProvider, local } from "@keyhold/local";
import { tokenAuth, type VaultProvider, vault } from "@keyhold/vault";
import { googleToken } from "../servers/google/start-google.ts";
import { testClient } from "../servers/oidc/start-token-server.ts";
import type { Servers } from "../servers/start-servers.ts";

/** One provider for each server. */
export interface Providers {
  readonly aws: AwsProvider;
  readonly azure: AzureProvider;
  readonly gcp: GcpProvider;
  readonly vault: VaultProvider;
  readonly conjur: ConjurProvider;
  readonly local: LocalProvider;
}

export async function openProviders(servers: Servers): Promise<{ readonly providers: Providers; close(): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), "keyhold-integration-"));
  await mkdir(path.join(folder, "project"));
  const store = { path: path.join(folder, "project", "keyhold.age"), identityPath: path.join(folder, "identity.txt") };
  await initStore(store);
  const tls = { ca: servers.ca };
  const { tokens, google } = servers;
  const token = await googleToken(tokens);
  const providers: Providers = {
    aws: aws({
      endpoint: servers.aws.url,
      region: servers.aws.region,
      credentials: servers.aws.credentials,
      recoveryWindowInDays: 0,
    }),
    azure: azure({
      vaultUrl: servers.azure.url,
      credential: new ClientSecretCredential(tokens.tenant, testClient.clientId, testClient.clientSecret as string, {
        authorityHost: tokens.url,
        disableInstanceDiscovery: true,
        tlsOptions: tls,
      }),
      disableChallengeResourceVerification: true,
      tls,
    }),
    gcp: gcp({
      projectId: google.projectId,
      apiEndpoint: `localhost:${google.grpcPort}`,
      credentials: { getRequestHeaders: async () => ({ authorization: `Bearer ${token}` }) },
      tls,
    }),
    vault: vault({ address: servers.openbao.url, auth: tokenAuth(servers.openbao.rootToken) }),
    conjur: conjur({
      url: servers.conjur.url,
      account: servers.conjur.account,
      auth: apiKeyAuth({ login: "admin", apiKey: servers.conjur.adminApiKey }),
      tls,
    }),
    local: local(store),
  };
  return {
    providers,
    async close() {
      await Promise.all(Object.values(providers).map((provider) => provider.close?.()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
