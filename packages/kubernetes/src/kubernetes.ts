import {
  type CallContext,
  type Content,
  type Features,
  type Locator,
  type Page,
  type Provider,
  type SecretSummary,
  SecretsError,
} from "@keyhold/core";
import { check } from "./check.ts";
import { listSecrets } from "./list-secrets.ts";
import { checkedNamespace, parseLocator, parsePath, type SecretName } from "./names.ts";
import { restTransport } from "./rest-transport.ts";
import { secretPath, type Target } from "./secret-path.ts";
import { toData, toPatchData, toRecord, toSummary, versionOf } from "./to-record.ts";
import type { ApiSecret, Transport } from "./transport.ts";
import { watchSecret } from "./watch-secret.ts";
import { createSecret, patchFields, writeSecret } from "./write-secret.ts";

export interface KubernetesOptions {
  /**
   * The API server's address, such as `https://10.0.0.1:6443`; with it come `tls` and `token` or `tokenFile`, and nothing is read from
   * a kubeconfig. Default: the kubeconfig that KUBECONFIG names, the cluster that this pod runs in, or `~/.kube/config`.
   */
  readonly server?: string;
  /** With `server`: PEM text, of the authority to trust and of a client certificate. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly servername?: string };
  /** With `server`: a bearer token, or a function that is asked for each request. */
  readonly token?: string | (() => Promise<string>);
  /** With `server`: a file with the token, read for each request. */
  readonly tokenFile?: string;
  /** The path of a kubeconfig. Default: KUBECONFIG, which may name several. */
  readonly kubeconfig?: string;
  /** A context of the kubeconfig. Default: its current one. */
  readonly context?: string;
  /** Where names without a namespace lie. Default: the context's, the pod's, or `default`. */
  readonly namespace?: string;
  /** Where the pod's token lies. Default: `/var/run/secrets/kubernetes.io/serviceaccount`. */
  readonly serviceAccountDirectory?: string;
}

type Fields = Extract<Content, { readonly kind: "fields" }>["fields"];

/** Kubernetes Secrets, with what only Kubernetes has. */
export interface KubernetesProvider extends Provider {
  /** Creates a secret of a type, or one that can never be changed. @throws SecretsError `conflict` where there is one already. */
  create(
    path: string,
    fields: Fields,
    options: {
      /** Such as `kubernetes.io/tls`, whose fields the API server then checks. Default: `Opaque`. */
      readonly type?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly immutable?: boolean;
    },
    context: CallContext,
  ): Promise<{ readonly version: string }>;
  /** Changes the named fields and leaves the others; null removes a field. @throws SecretsError `not-found`, `conflict`. */
  patch(
    path: string,
    fields: { readonly [name: string]: string | Uint8Array | null },
    options: { readonly ifVersion?: string },
    context: CallContext,
  ): Promise<{ readonly version: string }>;
  /** Lists the secrets with these labels, such as `team=ml,stage!=old`. Default: those of the default namespace. */
  listByLabel(
    selector: string,
    query: { readonly namespace?: string; readonly cursor?: string },
    context: CallContext,
  ): Promise<Page<SecretSummary>>;
}

const features: Features = {
  versions: false,
  stages: false,
  binary: true,
  leases: false,
  fields: true,
  compareAndSet: true,
};

function checkOptions({ server, tls, token, tokenFile, kubeconfig, context, namespace }: KubernetesOptions): void {
  const refuse = (message: string) => new SecretsError("invalid-argument", message, { provider: "kubernetes" });
  const signsIn = tls !== undefined || token !== undefined || tokenFile !== undefined;
  if (server === undefined && signsIn) throw refuse("tls, token and tokenFile are given together with server");
  if (server !== undefined && (kubeconfig !== undefined || context !== undefined))
    throw refuse("server is given, or kubeconfig and context, not both");
  if (token !== undefined && tokenFile !== undefined) throw refuse("token and tokenFile are not given together");
  if ((tls?.cert === undefined) !== (tls?.key === undefined))
    throw refuse("tls.cert and tls.key are given together or not at all");
  if (namespace !== undefined) checkedNamespace(namespace);
}

/**
 * Kubernetes Secrets over the API server's REST interface, without a vendor's SDK. A path is `namespace/name`, or `name` in the default
 * namespace; fields are the keys of the Secret's data, as bytes. `write` replaces all fields and keeps type, labels and owners.
 *
 * @throws SecretsError `invalid-argument` for options that do not go together; from its methods, every code of `docs/errors.md`.
 * @example
 * const secrets = createSecrets({ providers: { kubernetes: kubernetes() } });
 * const password = await secrets.get("kubernetes://ml/db#password");
 */
export function kubernetes(options: KubernetesOptions = {}): KubernetesProvider {
  checkOptions(options);
  return kubernetesProvider(restTransport(options));
}

/** The provider over any transport. */
export function kubernetesProvider(transport: Transport): KubernetesProvider {
  const inNamespace = async ({ name, namespace }: SecretName, context: CallContext): Promise<Target> => ({
    name,
    namespace: namespace ?? (await transport.namespace(context)),
  });

  async function get(locator: Locator, metadataOnly: boolean, context: CallContext): Promise<ApiSecret> {
    const { namespace, name } = await inNamespace(parseLocator(locator), context);
    const { body } = await transport.call<ApiSecret>({ verb: "get", path: secretPath(namespace, name), metadataOnly }, context);
    return body;
  }

  /** Paths as they were asked for: names of the default namespace stand alone. */
  async function list(
    prefix: string,
    namespace: string | undefined,
    query: { readonly cursor?: string | undefined; readonly labelSelector?: string },
    context: CallContext,
  ): Promise<Page<SecretSummary>> {
    const own = namespace ?? (await transport.namespace(context));
    const { secrets, next } = await listSecrets(transport, own, query, context);
    const items = secrets.map((secret) => {
      const name = secret.metadata?.name ?? "";
      return toSummary(secret, namespace === undefined ? name : `${namespace}/${name}`);
    });
    return { items: items.filter(({ path }) => path.startsWith(prefix)), ...(next === undefined ? {} : { next }) };
  }

  return {
    kind: "kubernetes",
    features,

    async read(locator, context) {
      return toRecord(await get(locator, false, context));
    },

    async probe(locator, context) {
      return { version: versionOf(await get(locator, true, context)) };
    },

    async write(locator, content, write, context) {
      const target = await inNamespace(parseLocator(locator), context);
      return writeSecret(transport, target, content, write, context);
    },

    async remove(locator, { ifVersion }, context) {
      const { namespace, name } = await inNamespace(parseLocator(locator), context);
      // A precondition of DeleteOptions, which the API server also takes as a parameter.
      const query = { resourceVersion: ifVersion };
      await transport.call({ verb: "delete", path: secretPath(namespace, name), query, metadataOnly: true }, context);
    },

    async list({ prefix, cursor }, context) {
      const slash = prefix.indexOf("/");
      const namespace = slash === -1 ? undefined : checkedNamespace(prefix.slice(0, slash));
      return list(prefix, namespace, { cursor }, context);
    },

    async *watch(locator, context) {
      const name = parseLocator(locator);
      const namespace = name.namespace ?? (await transport.namespace({ ...context, deadlineAt: Number.POSITIVE_INFINITY }));
      yield* watchSecret(transport, { name: name.name, namespace }, context);
    },

    check: (context) => check(transport, context),

    async close() {
      transport.close();
    },

    async create(path, fields, { type, labels, immutable }, context) {
      const data = toData(fields);
      return createSecret(transport, await inNamespace(parsePath(path), context), { data, type, labels, immutable }, context);
    },

    async patch(path, fields, { ifVersion }, context) {
      const target = await inNamespace(parsePath(path), context);
      return patchFields(transport, target, { data: toPatchData(fields), ifVersion }, context);
    },

    async listByLabel(selector, { namespace, cursor }, context) {
      const own = namespace === undefined ? undefined : checkedNamespace(namespace);
      return list("", own, { cursor, labelSelector: selector }, context);
    },
  };
}
