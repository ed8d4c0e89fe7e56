import { type CallContext, type Secret, SecretsError, secret, throwIfEnded } from "@keyhold/core";
import { segment } from "./auth.ts";
import { notConjur } from "./conjur-error.ts";
import type { Transport } from "./transport.ts";

/** A host or user that a policy has made. */
export interface CreatedRole {
  /** ACCOUNT:host:ID or ACCOUNT:user:ID. */
  readonly id: string;
  /** Told this once. */
  readonly apiKey: Secret;
}

export interface LoadedPolicy {
  /** The policy's version, counted from 1. */
  readonly version: number;
  readonly createdRoles: readonly CreatedRole[];
}

/**
 * Loads policies into a branch: `root`, or the id of a policy such as `app`. `text` is YAML; one load runs at a time.
 *
 * @throws SecretsError `invalid-argument` for a text that is no policy or names what is not there, `not-found` for a branch that is not
 * there or not visible, `conflict` (retryable, with `retryAfterMs`) while another load runs.
 * @see https://docs.conjur.org/Latest/en/Content/Operations/Policy/policy-syntax.htm
 */
export interface Policies {
  /** Adds what the text declares, and changes or deletes nothing. */
  load(branch: string, text: string, context: CallContext): Promise<LoadedPolicy>;
  /** Adds and changes what the text declares, and deletes what stands in its `!delete`, `!deny` and `!revoke`, values and all. */
  update(branch: string, text: string, context: CallContext): Promise<LoadedPolicy>;
  /** Makes the branch what the text says: **what is not in it is deleted, values and all**. */
  replace(branch: string, text: string, context: CallContext): Promise<LoadedPolicy>;
}

interface Answer {
  readonly version?: unknown;
  readonly created_roles?: Readonly<Record<string, { readonly id?: unknown; readonly api_key?: unknown }>>;
}

function loadedPolicy(answer: Answer | null): LoadedPolicy {
  const roles = Object.values(answer?.created_roles ?? {}).map(({ id, api_key: key }) => {
    if (typeof id !== "string" || typeof key !== "string") throw notLoaded();
    return { id, apiKey: secret(key) };
  });
  if (typeof answer?.version !== "number") throw notLoaded();
  return { version: answer.version, createdRoles: roles };
}

const notLoaded = () => notConjur("Conjur's answer does not say what the policy made");

export function policiesOf(transport: Transport): Policies {
  const loadBy = (method: string) => async (branch: string, text: string, context: CallContext) => {
    throwIfEnded(context);
    if (text === "") {
      throw new SecretsError("invalid-argument", "a policy has a text", {
        provider: "conjur",
        hint: "To empty a branch, replace it by [].",
      });
    }
    const path = `/policies/${segment(transport.account)}/policy/${segment(branch)}`;
    const headers = { "content-type": "application/x-yaml" };
    return loadedPolicy(
      (await transport.send("load-policy", { method, path, headers, body: text }, context)).json() as Answer | null,
    );
  };
  return { load: loadBy("POST"), update: loadBy("PATCH"), replace: loadBy("PUT") };
}
