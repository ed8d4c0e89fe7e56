import path from "node:path";
import { SecretsError } from "@keyhold/core";
import type { Cluster } from "./cluster.ts";
import {
  type CredentialSource,
  certificateCredentials,
  joinedCredentials,
  type PemSource,
  tokenCredentials,
  tokenFileCredentials,
} from "./credentials.ts";
import { execCredentials } from "./exec-plugin.ts";
import { decodedOf, type Entry, fileOf, isFields, type Kubeconfig, readKubeconfig, refuse, textOf } from "./kubeconfig.ts";
import type { KubernetesOptions } from "./kubernetes.ts";
import { checkedNamespace } from "./names.ts";

const execVersions: ReadonlySet<string> = new Set(["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]);

const unsupported = (message: string, hint: string) =>
  new SecretsError("unsupported", `kubeconfig: ${message}`, { provider: "kubernetes", hint });

/** As kubectl does it, the data in the file comes before the path of a file. */
function pemOf(entry: Entry, name: string): PemSource | undefined {
  const text = decodedOf(entry, `${name}-data`);
  if (text !== undefined) return { text };
  const file = fileOf(entry, name);
  return file === undefined ? undefined : { file };
}

function listOf(value: unknown, name: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw refuse(`${name} is no list`, "See: kubectl config view.");
  return value as readonly unknown[];
}

/** What a plugin is told of the cluster. https://kubernetes.io/docs/reference/config-api/client-authentication.v1/#Cluster */
function clusterInfo({ fields }: Entry): object {
  const names = ["server", "tls-server-name", "certificate-authority-data", "proxy-url", "disable-compression"];
  const told = names.flatMap((name) => (fields[name] === undefined ? [] : [[name, fields[name]]]));
  const extension = listOf(fields.extensions, "extensions").find(
    (one) => isFields(one) && one.name === "client.authentication.k8s.io/exec",
  );
  return { ...Object.fromEntries(told), ...(isFields(extension) ? { config: extension.extension } : {}) };
}

function execSource(user: Entry, cluster: Entry): CredentialSource {
  const { exec } = user.fields;
  if (!isFields(exec)) throw refuse("exec is malformed", "See: kubectl config view.");
  const entry = { fields: exec, directory: user.directory };
  const [apiVersion = "", command] = [textOf(entry, "apiVersion"), textOf(entry, "command")];
  if (command === undefined) throw refuse("exec names no command", "See: kubectl config view.");
  if (!execVersions.has(apiVersion))
    throw unsupported("this apiVersion of exec", "Use client.authentication.k8s.io/v1: a newer plugin writes it.");
  if (exec.interactiveMode === "Always")
    throw unsupported("a plugin that has to ask a person", "Use one whose interactiveMode is Never or IfAvailable.");
  const args = listOf(exec.args, "args").map((value) => textOf({ fields: { value } }, "value") ?? "");
  const env = listOf(exec.env, "env").map((item) => {
    if (!isFields(item) || typeof item.name !== "string")
      throw refuse("an entry of exec's env is malformed", "Give name and value.");
    return [item.name, textOf({ fields: item }, "value") ?? ""] as const;
  });
  const hasFolder = /[/\\]/.test(command);
  return execCredentials({
    apiVersion,
    command: hasFolder ? path.resolve(user.directory, command) : command,
    args,
    env: Object.fromEntries(env),
    installHint: textOf(entry, "installHint"),
    cluster: exec.provideClusterInfo === true ? clusterInfo(cluster) : undefined,
  });
}

/** What would be ignored otherwise, and so would act as somebody else. */
function refuseOtherWays({ fields }: Entry): void {
  for (const name of ["as", "as-uid", "as-groups", "as-user-extra"]) {
    if (fields[name] !== undefined) throw unsupported("impersonation", "Use a user entry of the account itself.");
  }
  if (fields["auth-provider"] !== undefined)
    throw unsupported("auth-provider, which Kubernetes has removed", "Use the exec plugin of your cloud.");
  if (fields.username !== undefined || fields.password !== undefined)
    throw unsupported("a user name and password, which Kubernetes has removed", "Use a token, a certificate or an exec plugin.");
}

function credentialsOf(user: Entry, cluster: Entry): CredentialSource {
  refuseOtherWays(user);
  if (user.fields.exec !== undefined && user.fields.exec !== null) return execSource(user, cluster);
  const sources: CredentialSource[] = [];
  const [cert, key] = [pemOf(user, "client-certificate"), pemOf(user, "client-key")];
  if ((cert === undefined) !== (key === undefined))
    throw refuse("client-certificate and client-key are given together or not at all", "See: kubectl config view.");
  if (cert && key) sources.push(certificateCredentials(cert, key));
  const [tokenFile, token] = [fileOf(user, "tokenFile"), textOf(user, "token")];
  // The file comes first: the token beside it is what it held when the kubeconfig was written.
  if (tokenFile !== undefined) sources.push(tokenFileCredentials(tokenFile));
  else if (token !== undefined) sources.push(tokenCredentials(token));
  return joinedCredentials(...sources);
}

function proxyOf(cluster: Entry): URL | undefined {
  const text = textOf(cluster, "proxy-url");
  if (text === undefined) return undefined;
  try {
    return new URL(text);
  } catch {
    throw refuse("proxy-url is no URL", "Write it like http://proxy.internal:3128.");
  }
}

function named(config: Kubeconfig, list: "clusters" | "users" | "contexts", name: string | undefined): Entry {
  const found = name === undefined ? undefined : config[list].get(name);
  if (found) return found;
  throw refuse(
    name === undefined ? "no context is chosen" : `its ${list} have no such entry as the context names`,
    "See: kubectl config get-contexts; choose one by the option context.",
  );
}

/** @throws SecretsError `invalid-argument` for a kubeconfig that is none, `unsupported` for a way to sign in that is not. */
export async function kubeconfigCluster(files: readonly string[], options: KubernetesOptions): Promise<Cluster> {
  const config = await readKubeconfig(files);
  const context = named(config, "contexts", options.context ?? config.currentContext);
  const cluster = named(config, "clusters", textOf(context, "cluster"));
  const userName = textOf(context, "user");
  const user = userName === undefined ? { fields: {}, directory: "" } : named(config, "users", userName);
  const server = textOf(cluster, "server");
  if (server === undefined) throw refuse("the cluster has no server", "See: kubectl config view.");
  const skips = cluster.fields["insecure-skip-tls-verify"] ?? false;
  if (skips !== false) {
    throw refuse(
      "insecure-skip-tls-verify is refused: anybody on the way could take the credential",
      "Give the cluster's authority as certificate-authority-data, and tls-server-name if its name differs.",
    );
  }
  return {
    server,
    namespace: options.namespace ?? checkedNamespace(textOf(context, "namespace") ?? "default"),
    ca: pemOf(cluster, "certificate-authority"),
    servername: textOf(cluster, "tls-server-name"),
    proxy: proxyOf(cluster),
    credentials: credentialsOf(user, cluster),
  };
}
