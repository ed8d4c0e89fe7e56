import { type AwsServer, startAws } from "./aws/start-aws.ts";
import { type AzureServer, startAzure } from "./azure/start-azure.ts";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { type ConjurServer, startConjur } from "./conjur/start-conjur.ts";
import { type GoogleServer, startGoogle } from "./google/start-google.ts";
import { type KubernetesServer, startKubernetes } from "./kubernetes/start-kubernetes.ts";
import { startTokenServer, type TokenServer } from "./oidc/start-token-server.ts";
import { enableDatabase, enableKv } from "./openbao/secrets-engines.ts";
import { type OpenBao, startOpenBao } from "./openbao/start-openbao.ts";
import { type PostgresServer, startPostgres } from "./postgres/start-postgres.ts";

/** One of each server, all that speak HTTPS under one authority. */
export interface Servers {
  /** PEM text to trust. */
  readonly ca: string;
  readonly aws: AwsServer;
  /** With key-value stores at `secret/` (version 2) and `kv/` (version 1), and roles of PostgreSQL's at `database/creds/app`. */
  readonly openbao: OpenBao;
  readonly postgres: PostgresServer;
  /** Signs in to Azure and Google, as `testClient`. */
  readonly tokens: TokenServer;
  readonly azure: AzureServer;
  readonly google: GoogleServer;
  readonly conjur: ConjurServer;
  readonly kubernetes: KubernetesServer | undefined;
  close(): Promise<void>;
}

interface Closable {
  close(): Promise<void>;
}

/** Starts them all, or none: when one fails, the others are stopped. Kubernetes only on request, as it may have to be built. */
export async function startServers(options: { readonly kubernetes?: boolean } = {}): Promise<Servers> {
  const started: Closable[] = [];
  let failed = false;
  const keep: Keep = async (server) => {
    const up = await server;
    // Too late: another one failed while this one was coming up.
    if (failed) await up.close();
    else started.push(up);
    return up;
  };
  const close = async (): Promise<void> => {
    await Promise.allSettled(started.splice(0).map((server) => server.close()));
  };
  const tls = await makeCertificates();
  try {
    const [aws, vault, clouds, conjur, kubernetes] = await Promise.all([
      keep(startAws()),
      startVault(keep),
      startClouds(tls, keep),
      keep(startConjur({ tls })),
      options.kubernetes ? keep(startKubernetes({ tls })) : undefined,
    ]);
    return { ca: tls.ca, aws, ...vault, ...clouds, conjur, kubernetes, close };
  } catch (error) {
    failed = true;
    await close();
    throw error;
  }
}

type Keep = <T extends Closable>(server: Promise<T>) => Promise<T>;

async function startVault(keep: Keep): Promise<{ openbao: OpenBao; postgres: PostgresServer }> {
  const [openbao, postgres] = await Promise.all([keep(startOpenBao()), keep(startPostgres())]);
  await enableKv(openbao, "secret", 2);
  await enableKv(openbao, "kv", 1);
  await enableDatabase(openbao, "database", postgres, [{ role: "app", ttlSeconds: 3_600 }]);
  return { openbao, postgres };
}

async function startClouds(
  tls: Certificates,
  keep: Keep,
): Promise<{ tokens: TokenServer; azure: AzureServer; google: GoogleServer }> {
  const tokens = await keep(startTokenServer({ tls }));
  const [azure, google] = await Promise.all([keep(startAzure({ tokens, tls })), keep(startGoogle({ tokens, tls }))]);
  return { tokens, azure, google };
}
