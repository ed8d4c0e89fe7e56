import { type CallContext, type Features, type Provider, type Secret, SecretsError, throwIfEnded } from "@keyhold/core";
import type { TlsOptions } from "@keyhold/http";
import type { ConjurAuth } from "./auth.ts";
import { type ConjurIdentity, check, whoami } from "./check.ts";
import { type Policies, policiesOf } from "./policies.ts";
import { readBatch } from "./read-batch.ts";
import { noSuchVersion, readVariable, refuseStage } from "./read-variable.ts";
import { rotateApiKey } from "./rotate-api-key.ts";
import { httpTransport, type Transport } from "./transport.ts";
import { listVariables, showVariable, variablePath } from "./variables.ts";
import { writeSecret } from "./write-secret.ts";

export type { ConjurIdentity } from "./check.ts";

export interface ConjurOptions {
  /** Conjur's address: `https://conjur.internal`, or with a path, `https://tenant.secretsmgr.cyberark.cloud/api`. */
  readonly url: string;
  /** The organization account. `conjur` in Conjur Cloud. */
  readonly account: string;
  /** How to sign in: `apiKeyAuth`, `jwtAuth`, `iamAuth`, `azureAuth` or `gcpAuth`. */
  readonly auth: ConjurAuth;
  readonly tls?: TlsOptions;
}

/** CyberArk Conjur, with what only Conjur has. */
export interface ConjurProvider extends Provider {
  readonly policies: Policies;
  /** Who Conjur says we are. @throws SecretsError `unauthenticated`. */
  whoami(context: CallContext): Promise<ConjurIdentity>;
  /**
   * Gives a role a new API key and ends the old one; tokens live on until they expire. Without a role one's own, which needs
   * `apiKeyAuth`: **keep the answer**, the key is told once.
   *
   * @param whose `{ role: "host:app/web" }`, which needs `update` on it.
   * @throws SecretsError `unauthenticated` for one's own role by name, `permission-denied`, `not-found`, `invalid-argument` for a role
   * without a key.
   */
  rotateApiKey(whose: { readonly role?: string }, context: CallContext): Promise<Secret>;
  /** Lets a variable's value expire, so that the rotator of its policy makes a new one now. Needs `update`. */
  expire(path: string, context: CallContext): Promise<void>;
}

const features: Features = { versions: true, stages: false, binary: true, leases: false, joinReads: true };

/** As many as an answer holds also where each has hundreds of permissions. */
const pageSize = 100;

/**
 * CyberArk Conjur by its REST interface. A path is a variable's id, from the root policy down: `conjur://app/db/password`;
 * `?version=` is one of the newest twenty, by number.
 *
 * @throws SecretsError `invalid-argument` for options that are missing or cannot be; from its methods, every code of `docs/errors.md`.
 * @example
 * const auth = apiKeyAuth({ login: "host/app/web", apiKey: process.env.CONJUR_AUTHN_API_KEY ?? "" });
 * const secrets = createSecrets({ providers: { conjur: conjur({ url: "https://conjur.internal", account: "prod", auth }) } });
 */
export function conjur(options: ConjurOptions): ConjurProvider {
  const { account, auth } = options;
  if (typeof account !== "string" || account === "" || /[:/]/.test(account)) {
    throw new SecretsError("invalid-argument", "account is the name of an organization account, without : and /", {
      provider: "conjur",
      hint: "It is what stands before the first colon of an id, and `conjur` in Conjur Cloud.",
    });
  }
  if (typeof auth?.signIn !== "function") {
    throw new SecretsError("invalid-argument", "auth says how to sign in", {
      provider: "conjur",
      hint: "Give apiKeyAuth({ login, apiKey }), jwtAuth, iamAuth, azureAuth or gcpAuth.",
    });
  }
  return conjurProvider(httpTransport(options), auth);
}

/** The provider over any transport. */
export function conjurProvider(transport: Transport, auth: ConjurAuth): ConjurProvider {
  return {
    kind: "conjur",
    features,

    read: (locator, context) => readVariable(transport, locator, context),

    readMany: (locators, context) =>
      readBatch(transport, locators, context, (locator) => readVariable(transport, locator, context)),

    async probe(locator, context) {
      refuseStage(locator);
      const { versions } = await showVariable(transport, locator.path, context);
      const wanted = locator.version ?? versions[0]?.version;
      const found = versions.find(({ version }) => version === wanted);
      if (found === undefined) throw noSuchVersion(locator.version);
      return { version: found.version };
    },

    write: (locator, content, write, context) => writeSecret(transport, locator, content, write, context),

    async list({ prefix, cursor = "0" }, context) {
      throwIfEnded(context);
      if (!/^\d{1,9}$/.test(cursor)) {
        throw new SecretsError("invalid-argument", "this cursor is none of Conjur's", {
          provider: "conjur",
          hint: "Give back next of the page before, as it is.",
        });
      }
      const offset = Number(cursor);
      const { variables, isLast } = await listVariables(transport, { prefix, offset, limit: pageSize }, context);
      // One that is declared and has no value yet is not there for a reader.
      const items = variables
        .filter(({ path, versions }) => path.startsWith(prefix) && versions.length > 0)
        .map(({ path, versions: [newest], createdAt, labels }) => ({
          path,
          version: newest?.version,
          createdAt,
          expiresAt: newest?.expiresAt,
          labels,
        }));
      return isLast ? { items } : { items, next: String(offset + pageSize) };
    },

    async versions(path, _query, context) {
      const { versions } = await showVariable(transport, path, context);
      if (versions.length === 0) throw noSuchVersion();
      return { items: versions.map(({ version, expiresAt }) => ({ version, state: "enabled" as const, expiresAt })) };
    },

    check: (context) => check(transport, context),
    whoami: (context) => whoami(transport, context),
    policies: policiesOf(transport),
    rotateApiKey: (whose, context) => rotateApiKey({ transport, auth }, whose, context),

    async expire(path, context) {
      const request = { method: "POST", path: variablePath("secrets", transport, path), query: { expirations: "" } };
      await transport.send("write", request, context);
    },

    async close() {
      transport.close();
    },
  };
}
