import { existsSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { SecretsError } from "@keyhold/core";
import {
  type CredentialSource,
  certificateCredentials,
  joinedCredentials,
  type PemSource,
  tokenCredentials,
  tokenFileCredentials,
} from "./credentials.ts";
import { kubeconfigCluster } from "./kubeconfig-cluster.ts";
import type { KubernetesOptions } from "./kubernetes.ts";
import { readText } from "./read-text.ts";

/** Where the API server is, whom to trust there, and how to sign in. */
export interface Cluster {
  readonly server: string;
  readonly namespace: string;
  /** Undefined: the well-known authorities. */
  readonly ca: PemSource | undefined;
  readonly servername: string | undefined;
  readonly proxy: URL | undefined;
  readonly credentials: CredentialSource;
}

/** https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

function fromOptions(options: KubernetesOptions & { readonly server: string }): Cluster {
  const { server, token, tokenFile, tls = {}, namespace = "default" } = options;
  const sources: CredentialSource[] = [];
  if (tls.cert !== undefined && tls.key !== undefined)
    sources.push(certificateCredentials({ text: tls.cert }, { text: tls.key }));
  if (token !== undefined) sources.push(tokenCredentials(token));
  if (tokenFile !== undefined) sources.push(tokenFileCredentials(tokenFile));
  const ca = tls.ca === undefined ? undefined : { text: tls.ca };
  return { server, namespace, ca, servername: tls.servername, proxy: undefined, credentials: joinedCredentials(...sources) };
}

async function fromPod(options: KubernetesOptions, host: string): Promise<Cluster> {
  const directory = options.serviceAccountDirectory ?? serviceAccountDirectory;
  const port = process.env.KUBERNETES_SERVICE_PORT || "443";
  const own = async () => (await readText(path.join(directory, "namespace"), "the namespace file", "unavailable")).trim();
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    namespace: options.namespace ?? (await own()),
    ca: { file: path.join(directory, "ca.crt") },
    servername: undefined,
    proxy: undefined,
    credentials: tokenFileCredentials(path.join(directory, "token")),
  };
}

/**
 * Finds the API server: by `server`, by a kubeconfig that was named, in a pod, and by the user's own kubeconfig, in this order.
 *
 * @throws SecretsError `unauthenticated` where there is none, `invalid-argument` for a kubeconfig that is none.
 */
export async function findCluster(options: KubernetesOptions): Promise<Cluster> {
  const { server, kubeconfig, context } = options;
  if (server !== undefined) return fromOptions({ ...options, server });
  if (kubeconfig !== undefined) return kubeconfigCluster([kubeconfig], options);
  const named = (process.env.KUBECONFIG ?? "").split(path.delimiter).filter((file) => file !== "" && existsSync(file));
  if (named.length > 0) return kubeconfigCluster(named, options);
  const host = process.env.KUBERNETES_SERVICE_HOST;
  if (host && context === undefined) return fromPod(options, host);
  const own = path.join(homedir(), ".kube", "config");
  if (existsSync(own)) return kubeconfigCluster([own], options);
  throw new SecretsError("unauthenticated", "no cluster is configured", {
    provider: "kubernetes",
    hint: "Set KUBECONFIG, run in a pod, or give kubernetes({ server, tls: { ca }, token }).",
  });
}
