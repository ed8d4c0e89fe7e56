import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type CertificateAuthority, type Certificates, certificateAuthority, makeCertificates } from "../certificates.ts";
import { onFreePort, type ServerProcess, startProcess } from "../processes.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { buildKubernetes } from "./build-kubernetes.ts";
import { type KubernetesAnswer, type KubernetesRequest, kubernetesRequest } from "./kubernetes-request.ts";

export interface Grant {
  /** `User` alone for a certificate's common name, or a service account of the namespace. */
  readonly user?: string;
  readonly serviceAccount?: string;
  readonly verbs: readonly string[];
  /** By default `secrets`. */
  readonly resources?: readonly string[];
  /** Only these. By default every one, and lists. */
  readonly names?: readonly string[];
}

/** The real API server, with RBAC and no nodes. */
export interface KubernetesServer {
  readonly url: string;
  readonly port: number;
  /** PEM text to trust. */
  readonly ca: string;
  /** May do everything. */
  readonly adminToken: string;
  /** One request, as the administrator unless it says otherwise, whatever it answers. */
  request(request: KubernetesRequest): Promise<KubernetesAnswer>;
  /** The same, failing unless the answer is a success; gives the body. */
  call(request: KubernetesRequest): Promise<any>;
  createNamespace(name: string): Promise<void>;
  createServiceAccount(namespace: string, name: string): Promise<void>;
  /** A service account's token, as a pod has it. The server makes none that live under ten minutes. */
  createToken(
    namespace: string,
    serviceAccount: string,
    options?: { expirationSeconds?: number; audiences?: string[] },
  ): Promise<string>;
  /** A certificate that signs in as this user. */
  createClientCertificate(user: string): Promise<Certificates>;
  /** Lets somebody do something in a namespace. Until then nobody but the administrator may do anything. */
  grant(namespace: string, grant: Grant): Promise<void>;
  /** A kubeconfig for this server with this user entry, as JSON, which is YAML. */
  kubeconfig(user: object, namespace?: string): string;
  /** Stops the API server and starts it again at the same address. It then answers a watch from before with 410 Gone. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface KubernetesOptions {
  /** By default new ones for localhost and 127.0.0.1. */
  readonly tls?: Certificates;
}

/** Starts the API server, which is built first where no build is cached. */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesServer> {
  const binaries = await buildKubernetes();
  const certificates = options.tls ?? (await makeCertificates());
  const clients = await certificateAuthority();
  const { path: folder, remove } = await temporaryFolder("kubernetes");
  const adminToken = randomBytes(24).toString("hex");
  let kine: ServerProcess | undefined;
  let apiserver: ServerProcess | undefined;
  const close = async (): Promise<void> => {
    await apiserver?.stop();
    await kine?.stop();
    await remove();
  };
  try {
    await writeFiles(folder, certificates, clients, adminToken);
    let storePort = 0;
    kine = await onFreePort((free) => {
      storePort = free;
      return startStore(binaries.kine, folder, free);
    });
    const start = (port: number): Promise<ServerProcess> => startServer(binaries.apiserver, folder, storePort, port, adminToken);
    let port = 0;
    apiserver = await onFreePort((free) => {
      port = free;
      return start(free);
    });
    const restart = async (): Promise<void> => {
      await apiserver?.stop();
      apiserver = await start(port);
    };
    return { ...connect(`https://127.0.0.1:${port}`, certificates.ca, clients, adminToken), port, restart, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeFiles(
  folder: string,
  certificates: Certificates,
  clients: CertificateAuthority,
  adminToken: string,
): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const files = {
    "server.crt": certificates.cert,
    "server.key": certificates.key,
    "clients.crt": clients.ca,
    "accounts.key": privateKey.export({ type: "pkcs1", format: "pem" }),
    "accounts.pub": publicKey.export({ type: "spki", format: "pem" }),
    "tokens.csv": `${adminToken},admin,admin,"system:masters"\n`,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(folder, name), content, { mode: 0o600 });
}

function startStore(command: string, folder: string, port: number): Promise<ServerProcess> {
  return startProcess({
    name: "kine",
    command,
    args: [
      `--endpoint=sqlite://${path.join(folder, "kine.db")}?_journal=WAL&cache=shared&_busy_timeout=30000`,
      `--listen-address=127.0.0.1:${port}`,
      "--metrics-bind-address=0",
    ],
    cwd: folder,
    ready: (output) => /Kine available at/.test(output),
  });
}

function startServer(
  command: string,
  folder: string,
  storePort: number,
  port: number,
  adminToken: string,
): Promise<ServerProcess> {
  const file = (name: string): string => path.join(folder, name);
  return startProcess({
    name: "kube-apiserver",
    command,
    args: [
      `--etcd-servers=http://127.0.0.1:${storePort}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${port}`,
      `--cert-dir=${folder}`,
      `--tls-cert-file=${file("server.crt")}`,
      `--tls-private-key-file=${file("server.key")}`,
      `--client-ca-file=${file("clients.crt")}`,
      `--token-auth-file=${file("tokens.csv")}`,
      "--service-cluster-ip-range=10.0.0.0/24",
      "--authorization-mode=RBAC",
      "--service-account-issuer=https://kubernetes.default.svc",
      `--service-account-key-file=${file("accounts.pub")}`,
      `--service-account-signing-key-file=${file("accounts.key")}`,
      // Without controllers nothing makes the accounts and endpoints that these would wait for.
      "--disable-admission-plugins=ServiceAccount",
      "--endpoint-reconciler-type=none",
      // Otherwise a stop waits a minute for watches to leave.
      "--shutdown-delay-duration=0s",
    ],
    cwd: folder,
    readyWithinMs: 120_000,
    ready: async (output) => {
      if (!output.includes(`Serving securely on 127.0.0.1:${port}`)) return false;
      const { status } = await kubernetesRequest(`https://127.0.0.1:${port}`, { path: "/readyz", token: adminToken });
      return status === 200;
    },
  });
}

function connect(
  url: string,
  ca: string,
  clients: CertificateAuthority,
  adminToken: string,
): Omit<KubernetesServer, "port" | "restart" | "close"> {
  const request = (options: KubernetesRequest): Promise<KubernetesAnswer> =>
    kubernetesRequest(url, { token: adminToken, ...options });
  const call = async (options: KubernetesRequest): Promise<any> => {
    const { status, body } = await request(options);
    if (status < 300) return body;
    throw new Error(`the API server answered ${options.path} with ${status}: ${body?.message}`);
  };
  const metadata = (name: string): object => ({ metadata: { name } });
  return {
    url,
    ca,
    adminToken,
    request,
    call,
    createNamespace: (name) => call({ path: "/api/v1/namespaces", body: metadata(name) }),
    createServiceAccount: (namespace, name) =>
      call({ path: `/api/v1/namespaces/${namespace}/serviceaccounts`, body: metadata(name) }),
    async createToken(namespace, serviceAccount, { expirationSeconds = 3_600, audiences } = {}) {
      const account = `/api/v1/namespaces/${namespace}/serviceaccounts/${serviceAccount}`;
      const { status } = await call({ path: `${account}/token`, body: { spec: { expirationSeconds, audiences } } });
      return status.token;
    },
    createClientCertificate: (user) => clients.issue({ hosts: [user] }),
    async grant(namespace, { user, serviceAccount, verbs, resources = ["secrets"], names }) {
      const name = `grant-${randomBytes(6).toString("hex")}`;
      const group = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
      const rules = [{ apiGroups: [""], resources, verbs, ...(names && { resourceNames: names }) }];
      await call({ path: `${group}/roles`, body: { ...metadata(name), rules } });
      const subject =
        serviceAccount === undefined
          ? { kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }
          : { kind: "ServiceAccount", namespace, name: serviceAccount };
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
      await call({ path: `${group}/rolebindings`, body: { ...metadata(name), roleRef, subjects: [subject] } });
    },
    kubeconfig(user, namespace = "default") {
      const cluster = { server: url, "certificate-authority-data": Buffer.from(ca).toString("base64") };
      return JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "test", cluster }],
        users: [{ name: "test", user }],
        contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace } }],
        "current-context": "test",
      });
    },
  };
}
