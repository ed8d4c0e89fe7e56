import { type CallContext, type Features, type Locator, type Provider, SecretsError, throwIfEnded } from "@keyhold/core";
import { changedPaths } from "./changed-paths.ts";
import { check } from "./check.ts";
import type { GcpOptions } from "./gcp-options.ts";
import { checkedProject, lastSegment, pathPrefix, type SecretPath, secretPath, versionId } from "./resource-name.ts";
import { toRecord, toSummary, toVersion } from "./to-record.ts";
import type { AccessedVersion, Method, SecretsPage, Transport, VersionMessage, VersionsPage } from "./transport.ts";
import { checkWrite, writeSecret } from "./write-secret.ts";

/** Google Secret Manager, with what only Google has. */
export interface GcpProvider extends Provider {
  /** Makes a disabled version readable again. @throws SecretsError `not-found`; `conflict` for a destroyed one. */
  enableVersion(path: string, version: string, context: CallContext): Promise<void>;
  /** Makes a version unreadable until `enableVersion`. @throws SecretsError `not-found`; `conflict` for a destroyed one. */
  disableVersion(path: string, version: string, context: CallContext): Promise<void>;
  /** Destroys a version's value for good; its number stays in the list. @throws SecretsError `not-found`. */
  destroyVersion(path: string, version: string, context: CallContext): Promise<void>;
}

// No probe: GetSecretVersion counts against 600 calls a minute and project, AccessSecretVersion against 90,000.
const features: Features = { versions: true, stages: true, binary: true, leases: false, compareAndSet: false };

const pageSize = 100;

/** What means itself in Google's language of filters. Without a filter a list costs more pages, and is as right. */
const filterable = /^(?!(?:AND|OR|NOT)$)[A-Za-z0-9_]/i;

/** The provider over any transport. */
export function gcpProvider(
  transport: Transport,
  options: Pick<GcpOptions, "projectId" | "location" | "replicaLocations">,
): GcpProvider {
  const { location, replicaLocations } = options;
  const projectId = options.projectId === undefined ? undefined : checkedProject(options.projectId);
  const replication =
    replicaLocations === undefined
      ? { automatic: {} }
      : { userManaged: { replicas: replicaLocations.map((replica) => ({ location: replica })) } };

  async function parentOf({ project }: SecretPath, context: CallContext): Promise<string> {
    const owner = project ?? projectId ?? checkedProject(await transport.projectId(context));
    return location === undefined ? `projects/${owner}` : `projects/${owner}/locations/${location}`;
  }

  async function nameOf(path: string, context: CallContext): Promise<string> {
    throwIfEnded(context);
    const parsed = secretPath(path, location);
    return `${await parentOf(parsed, context)}/secrets/${parsed.secretId}`;
  }

  const versionNameOf = async (locator: Locator, context: CallContext) =>
    `${await nameOf(locator.path, context)}/versions/${versionId(locator)}`;

  const change = async (method: Method, path: string, version: string, context: CallContext) => {
    await transport.call<VersionMessage>(method, { name: await versionNameOf({ path, version }, context) }, context);
  };

  return {
    kind: "gcp",
    features,

    async read(locator, context) {
      const name = await versionNameOf(locator, context);
      return toRecord(await transport.call<AccessedVersion>("AccessSecretVersion", { name }, context));
    },

    async write(locator, content, write, context) {
      throwIfEnded(context);
      checkWrite(locator, write);
      const parsed = secretPath(locator.path, location);
      const target = {
        transport,
        parent: await parentOf(parsed, context),
        secretId: parsed.secretId,
        replication: location === undefined ? replication : undefined,
      };
      return writeSecret(target, content, write, context);
    },

    async remove(locator, { ifVersion }, context) {
      if (ifVersion !== undefined) {
        throw new SecretsError("unsupported", "Google Secret Manager removes without looking at the current version", {
          provider: "gcp",
          hint: "Name the version in the reference to destroy that one alone.",
        });
      }
      if (locator.version === undefined && locator.stage === undefined) {
        await transport.call("DeleteSecret", { name: await nameOf(locator.path, context) }, context);
        return;
      }
      // Only a number can be destroyed. The etag sees to it that it is the version which the name stood for.
      const asked = await versionNameOf(locator, context);
      const { name, etag } = await transport.call<VersionMessage>("GetSecretVersion", { name: asked }, context);
      const numbered = `${await nameOf(locator.path, context)}/versions/${lastSegment(name)}`;
      await transport.call("DestroySecretVersion", { name: numbered, etag }, context);
    },

    async list({ prefix, cursor }, context) {
      throwIfEnded(context);
      const start = pathPrefix(prefix, location);
      if (start === undefined) return { items: [] };
      const { secretId } = start;
      const request = {
        parent: await parentOf(start, context),
        pageSize,
        ...(filterable.test(secretId) ? { filter: `name:${secretId}` } : {}),
        ...(cursor === undefined ? {} : { pageToken: cursor }),
      };
      const { secrets, nextPageToken } = await transport.call<SecretsPage>("ListSecrets", request, context);
      const before = prefix.slice(0, prefix.length - secretId.length);
      // Google's filter finds the text anywhere in a name, in upper and lower case.
      const items = (secrets ?? [])
        .filter(({ name }) => lastSegment(name).startsWith(secretId))
        .map((secret) => toSummary(secret, before + lastSegment(secret.name)));
      return { items, next: nextPageToken || undefined };
    },

    changedPaths: (event) => changedPaths(event, { projectId, location }),

    async versions(path, { cursor }, context) {
      const page = { pageSize, ...(cursor === undefined ? {} : { pageToken: cursor }) };
      const request = { parent: await nameOf(path, context), ...page };
      const { versions, nextPageToken } = await transport.call<VersionsPage>("ListSecretVersions", request, context);
      return { items: (versions ?? []).map(toVersion), next: nextPageToken || undefined };
    },

    async check(context) {
      throwIfEnded(context);
      return check(transport, await parentOf({ project: undefined, location, secretId: "" }, context), context);
    },

    enableVersion: (path, version, context) => change("EnableSecretVersion", path, version, context),
    disableVersion: (path, version, context) => change("DisableSecretVersion", path, version, context),
    destroyVersion: (path, version, context) => change("DestroySecretVersion", path, version, context),

    async close() {
      transport.close();
    },
  };
}
