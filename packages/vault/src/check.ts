import { type CallContext, type CheckReport, isSecretsError } from "@keyhold/core";
import type { Mount } from "./mounts.ts";
import type { Backend } from "./read-secret.ts";
import type { Transport, VaultAnswer } from "./transport.ts";
import { vaultError } from "./vault-error.ts";

interface Health {
  readonly version?: unknown;
  readonly standby?: unknown;
  readonly server_time_utc?: unknown;
  readonly cluster_name?: unknown;
}

interface Self {
  readonly display_name?: unknown;
  readonly policies?: unknown;
  readonly ttl?: unknown;
}

/** These answer, though not as the one active node: https://developer.hashicorp.com/vault/api-docs/system/health. 429 is no throttling. */
const standby: ReadonlySet<number> = new Set([429, 473]);

/** Health is the root namespace's, and anybody's to ask. */
async function health({ session }: Backend, context: CallContext): Promise<Health & { readonly status: number }> {
  const answer = await session.bare("GET", "sys/health", { headers: { "x-vault-namespace": undefined } }, context);
  const { status, body } = answer;
  if (status >= 300 && !(standby.has(status) && body !== undefined && "sealed" in body)) throw vaultError(answer, context.clock);
  return { ...(body as Health | undefined), status };
}

const deniedAs =
  <T>(value: T) =>
  (error: unknown): Promise<T> =>
    isSecretsError(error, "permission-denied") ? Promise.resolve(value) : Promise.reject(error);

const valuesOf = ({ path, engine }: Mount): string => (engine === "kv2" ? `${path}data/*` : `${path}*`);

async function permissionsOn(mounts: readonly Mount[], { session }: Backend, context: CallContext) {
  if (mounts.length === 0) return [];
  const answer = await session
    .call("POST", "sys/capabilities-self", { body: { paths: mounts.map(valuesOf) } }, context)
    .catch(deniedAs<VaultAnswer | undefined>(undefined));
  const found = (answer?.body?.data ?? {}) as Readonly<Record<string, unknown>>;
  return mounts.flatMap((mount) => {
    const actions = found[valuesOf(mount)];
    return Array.isArray(actions) ? [{ path: mount.path, actions: actions.map(String) }] : [];
  });
}

/** Whether Vault is there and unsealed, who it says we are, and what we may do with the values of each key-value mount. */
export async function check(backend: Backend, transport: Transport, context: CallContext): Promise<CheckReport> {
  const { status, version, standby: isStandby, server_time_utc: seconds } = await health(backend, context);
  const lookedUp = await backend.session
    .call("GET", "auth/token/lookup-self", {}, context)
    .catch(deniedAs<VaultAnswer | undefined>(undefined));
  const { display_name: principal, policies, ttl } = (lookedUp?.body?.data ?? {}) as Self;
  const mounts = await backend.mounts.keyValue(context).catch(deniedAs<readonly Mount[]>([]));
  const certificateExpiresAt = transport.certificateExpiresAt();
  const notes = [
    ...(typeof version === "string" ? [`version ${version}${isStandby === true || status !== 200 ? ", a standby" : ""}`] : []),
    ...(Array.isArray(policies) ? [`policies: ${policies.join(", ")}`] : []),
    ...(typeof ttl === "number" && ttl > 0 ? [`the token lives ${ttl} s`] : []),
  ];
  return {
    ...(typeof principal === "string" ? { principal } : {}),
    ...(typeof seconds === "number" ? { serverTimeAt: seconds * 1000 } : {}),
    ...(certificateExpiresAt === undefined ? {} : { certificateExpiresAt }),
    permissions: await permissionsOn(mounts, backend, context),
    notes,
  };
}
