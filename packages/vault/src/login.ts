import { isSecretsError, SecretsError } from "@keyhold/core";
import type { IssuedToken, LoginContext } from "./auth.ts";
import type { VaultAnswer } from "./transport.ts";
import { unexpectedAnswer, vaultError } from "./vault-error.ts";
import { trimmedPath } from "./vault-path.ts";

/** A credential, or a function that gives it anew for each login. */
export type Given = string | (() => string | Promise<string>);

const refusal = (method: string, what: string, hint: string): SecretsError =>
  new SecretsError("unauthenticated", `Vault's ${method} login ${what}`, { provider: "vault", hint });

/** The text of a credential, without the line break that files end with. @throws SecretsError `unauthenticated`. */
export async function given(value: Given, method: string): Promise<string> {
  let text: unknown;
  try {
    text = typeof value === "function" ? await value() : value;
  } catch (error) {
    if (isSecretsError(error)) throw error;
    // The error is let go: it may hold the credential.
    throw refusal(method, "has no credential: the function that was given for it failed", "Call that function by itself.");
  }
  if (typeof text === "string" && text.trim() !== "") return text.trim();
  throw refusal(method, "has no credential: it is empty", "Check what is given to it.");
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/** Seconds as Vault tells them. 0 means that there is no end. */
export function ttlMsOf(seconds: unknown): number | undefined {
  return typeof seconds === "number" && seconds > 0 ? seconds * 1000 : undefined;
}

/** The token in the answer to a login or a renewal. */
export function issuedToken({ body }: VaultAnswer): IssuedToken {
  const { client_token: token, lease_duration: seconds, renewable } = record(body?.auth);
  if (typeof token !== "string" || token === "") {
    if (record(body?.auth).mfa_requirement) {
      throw new SecretsError("unauthenticated", "Vault wants a second factor for this login", {
        provider: "vault",
        hint: "Let this role sign in without one: a service has nobody to ask.",
      });
    }
    throw unexpectedAnswer("token");
  }
  return { token, ttlMs: ttlMsOf(seconds), renewable: renewable === true };
}

interface LoginRequest {
  /** Where the method is mounted below `auth/`. */
  readonly mount: string;
  /** What follows the mount. Default: `login`. */
  readonly path?: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Signs in at a mount. @throws SecretsError `unauthenticated` when Vault does not accept it. */
export async function signIn(
  method: string,
  { mount, path = "login", body }: LoginRequest,
  { request, context }: LoginContext,
): Promise<IssuedToken> {
  const answer = await request("POST", `auth/${trimmedPath(mount)}/${path}`, { body }, context);
  if (answer.status < 300) return issuedToken(answer);
  const error = vaultError(answer, context.clock);
  if (!["invalid-argument", "permission-denied", "not-found", "unsupported"].includes(error.code)) throw error;
  // Vault answers 400 to a wrong credential and 403 to a mount that is not there.
  throw refusal(
    method,
    `is not accepted (status ${answer.status})`,
    "Check the credential and the role, and that the method is mounted where the option mount says.",
  );
}

/** What Vault knows of a token that was not made by a login of ours. */
export async function lookedUp(token: string, method: string, { request, context }: LoginContext): Promise<IssuedToken> {
  const answer = await request("GET", "auth/token/lookup-self", { headers: { "x-vault-token": token } }, context);
  if (answer.status < 300) {
    const { ttl, expire_time: end, renewable } = record(answer.body?.data);
    // A token in its last second has a ttl of 0 as well as one that never ends.
    const ttlMs = typeof ttl === "number" && typeof end === "string" ? ttl * 1000 : undefined;
    return { token, ttlMs, renewable: renewable === true };
  }
  if (answer.status !== 403) throw vaultError(answer, context.clock);
  // A token that may not even look at itself can still be good for what it is for.
  if (isPolicyDenial(answer)) return { token, ttlMs: undefined, renewable: false };
  throw refusal(
    method,
    "has a token that is not valid",
    "It has expired or was revoked, or it is of another cluster or namespace.",
  );
}

/**
 * Whether a 403 comes from a policy. Vault and OpenBao write it with a count, `1 error occurred: * permission denied`; a token that is
 * not valid is a plain `permission denied`, or in newer releases of Vault `2 errors occurred: … * invalid token`.
 */
export function isPolicyDenial(answer: VaultAnswer): boolean {
  const errors = answer.body?.errors;
  return Array.isArray(errors) && errors.some((line) => typeof line === "string" && line.startsWith("1 error occurred"));
}
