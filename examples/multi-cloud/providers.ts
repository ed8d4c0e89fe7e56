import path from "node:path";
import { ClientSecretCredential } from "@azure/identity";
import { aws } from "@keyhold/aws";
import { azure } from "@keyhold/azure";
import { apiKeyAuth, conjur } from "@keyhold/conjur";
import { gcp } from "@keyhold/gcp";
import { kubernetes, volume } from "@keyhold/kubernetes";
import { tokenAuth, vault } from "@keyhold/vault";
import { local } from "keyhold";
import { googleToken } from "../../test/servers/google/start-google.ts";
import { testClient } from "../../test/servers/oidc/start-token-server.ts";
import type { Servers } from "../../test/servers/start-servers.ts";

/** Where the example keeps its local store, that store's key, and what a kubelet would have mounted. */
export const placesIn = (folder: string) => ({
  store: { path: path.join(folder, "project", "keyhold.age"), identityPath: path.join(folder, "home", "identity.txt") },
  mounts: path.join(folder, "mounts"),
});

/**
 * One provider for each backend. Most of what is said here is where the test servers listen and whom they trust: in the cloud, `aws()`,
 * `azure({ vaultName })`, `gcp()` and `kubernetes()` find their address and identity by themselves.
 */
export async function providersFor(servers: Servers, folder: string) {
  const { tokens, google, conjur: conjurServer, kubernetes: cluster } = servers;
  const tls = { ca: servers.ca };
  const token = await googleToken(tokens);
  const { store, mounts } = placesIn(folder);
  return {
    aws: aws({ endpoint: servers.aws.url, region: servers.aws.region, credentials: servers.aws.credentials }),
    azure: azure({
      vaultUrl: servers.azure.url,
      credential: new ClientSecretCredential(tokens.tenant, testClient.clientId, testClient.clientSecret ?? "", {
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
      url: conjurServer.url,
      account: conjurServer.account,
      auth: apiKeyAuth({ login: "admin", apiKey: conjurServer.adminApiKey }),
      tls,
    }),
    // Without an API server, what its kubelet would have mounted.
    kubernetes: cluster
      ? kubernetes({ server: cluster.url, tls: { ca: cluster.ca }, token: cluster.adminToken, namespace: "ml" })
      : volume({ directory: mounts }),
    local: local(store),
  };
}
