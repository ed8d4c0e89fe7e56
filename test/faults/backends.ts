import { aws } from "@keyhold/aws";
import { azure } from "@keyhold/azure";
import { apiKeyAuth, conjur } from "@keyhold/conjur";
import { callContext, type Provider } from "@keyhold/core";
import { type GcpOptions, gcp } from "@keyhold/gcp";
import { appRoleAuth, vault } from "@keyhold/vault";
import { type AwsServer, startAws } from "../servers/aws/start-aws.ts";
import { type AzureServer, startAzure } from "../servers/azure/start-azure.ts";
import { makeCertificates } from "../servers/certificates.ts";
import { type ConjurServer, startConjur } from "../servers/conjur/start-conjur.ts";
import { type GoogleServer, googleToken, startGoogle } from "../servers/google/start-google.ts";
import { startTokenServer, type TokenServer } from "../servers/oidc/start-token-server.ts";
import { type AppRole, addAppRole, addPolicy } from "../servers/openbao/auth-methods.ts";
import { enableKv } from "../servers/openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "../servers/openbao/start-openbao.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

export const backendNames = ["aws", "azure", "gcp", "gcp-rest", "vault", "conjur"] as const;
export type BackendName = (typeof backendNames)[number];

/** Every server has a secret with this reference and value. */
export const references: Readonly<Record<BackendName, string>> = {
  aws: "aws://fault",
  azure: "azure://fault",
  gcp: "gcp://fault",
  "gcp-rest": "gcp-rest://fault",
  vault: "vault://secret/fault#value",
  conjur: "conjur://fault",
};
export const value = "canary-value-8f3a61";

export interface OpenOptions {
  /** Another port than the wire's. */
  readonly port?: number;
  /** Its credential never comes. For Vault and Conjur, which sign in by themselves, a fault does that. */
  readonly hangsAtSignIn?: boolean;
  /** Azure's credential. */
  readonly getToken?: () => Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
}

/** The real test servers, each behind a wire that can break. */
export interface Backends {
  readonly aws: AwsServer;
  readonly azure: AzureServer;
  readonly google: GoogleServer;
  readonly openbao: OpenBao;
  readonly conjur: ConjurServer;
  readonly role: AppRole;
  readonly ca: string;
  readonly wires: Readonly<Record<BackendName, FaultProxy>>;
  /** Sets Conjur's clock ahead, so that its tokens expire. */
  setConjurAhead(aheadMs: number): void;
  /** Whose tokens Azure and Google accept. */
  readonly tokens: TokenServer;
  /** A new provider, with connections of its own. */
  open(name: BackendName, options?: OpenOptions): Provider;
  close(): Promise<void>;
}

const never = () => new Promise<never>(() => {});

export async function startBackends(): Promise<Backends> {
  const tls = await makeCertificates();
  const tokens: TokenServer = await startTokenServer({ tls });
  let conjurAheadMs = 0;
  const [awsServer, azureServer, google, openbao, conjurServer] = await Promise.all([
    startAws(),
    startAzure({ tokens, tls }),
    startGoogle({ tokens, tls }),
    startOpenBao(),
    startConjur({ tls, clock: { now: () => Date.now() + conjurAheadMs } }),
  ]);
  const role = await seed();
  const token = await googleToken(tokens);
  const portOf = (url: string) => Number(new URL(url).port);
  const ports: Readonly<Record<BackendName, number>> = {
    aws: awsServer.port,
    azure: azureServer.port,
    gcp: google.grpcPort,
    "gcp-rest": google.port,
    vault: portOf(openbao.url),
    conjur: conjurServer.port,
  };
  const started = await Promise.all(backendNames.map(async (name) => [name, await startFaultProxy(ports[name])] as const));
  const wires = Object.fromEntries(started) as Record<BackendName, FaultProxy>;

  async function seed(): Promise<AppRole> {
    azureServer.seed("fault", value);
    google.seed("fault", value);
    conjurServer.seedPolicy("- !variable fault");
    conjurServer.seed("fault", value);
    await enableKv(openbao, "secret", 2);
    await openbao.call({ path: "secret/data/fault", body: { data: { value } } });
    await addPolicy(openbao, "faults", 'path "secret/*" { capabilities = ["read", "create", "update"] }');
    const direct = aws({ endpoint: awsServer.url, region: awsServer.region, credentials: awsServer.credentials });
    await direct.write!({ path: "fault" }, { kind: "opaque", value }, {}, callContext());
    await direct.close?.();
    return addAppRole(openbao, "faults", { policies: ["faults"] });
  }

  // Not the vendor's credential, which keeps connections of its own: packages/azure/test/sign-in.test.ts has that.
  const newToken = async () => ({ token: await tokens.mint(), expiresOnTimestamp: Date.now() + 3_600_000 });
  const googleOptions = (hangs: boolean): GcpOptions => ({
    projectId: google.projectId,
    credentials: { getRequestHeaders: hangs ? never : async () => ({ authorization: `Bearer ${token}` }) },
    tls: { ca: tls.ca },
  });
  const factories: Readonly<Record<BackendName, (port: number, hangs: boolean, getToken: typeof newToken) => Provider>> = {
    aws: (port, hangs) =>
      aws({
        endpoint: `http://127.0.0.1:${port}`,
        region: awsServer.region,
        credentials: hangs ? never : awsServer.credentials,
      }),
    azure: (port, hangs, getToken) =>
      azure({
        vaultUrl: `https://127.0.0.1:${port}`,
        credential: { getToken: hangs ? never : getToken },
        disableChallengeResourceVerification: true,
        tls: { ca: tls.ca },
      }),
    gcp: (port, hangs) => gcp({ ...googleOptions(hangs), apiEndpoint: `localhost:${port}` }),
    "gcp-rest": (port, hangs) => gcp({ ...googleOptions(hangs), apiEndpoint: `localhost:${port}`, fallback: true }),
    vault: (port) => vault({ address: `http://127.0.0.1:${port}`, auth: appRoleAuth(role) }),
    conjur: (port) =>
      conjur({
        url: `https://127.0.0.1:${port}`,
        account: conjurServer.account,
        auth: apiKeyAuth({ login: "admin", apiKey: conjurServer.adminApiKey }),
        tls: { ca: tls.ca },
      }),
  };
  return {
    aws: awsServer,
    azure: azureServer,
    google,
    openbao,
    conjur: conjurServer,
    role,
    ca: tls.ca,
    wires,
    tokens,
    setConjurAhead(aheadMs) {
      conjurAheadMs = aheadMs;
    },
    open: (name, { port = wires[name].port, hangsAtSignIn = false, getToken = newToken } = {}) =>
      factories[name](port, hangsAtSignIn, getToken),
    async close() {
      await Promise.all(Object.values(wires).map((wire) => wire.close()));
      await Promise.all([awsServer.close(), azureServer.close(), google.close(), openbao.close(), conjurServer.close()]);
      await tokens.close();
    },
  };
}
