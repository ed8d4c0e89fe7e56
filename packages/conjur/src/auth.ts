import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";
import type { HttpRequest } from "@keyhold/http";

/** How a host or a user signs in: made by `apiKeyAuth`, `jwtAuth`, `iamAuth`, `azureAuth` or `gcpAuth`. */
export interface ConjurAuth {
  /** The request that Conjur answers with an access token. */
  signIn(account: string, context: CallContext): Promise<HttpRequest>;
  /** The API key that signs in, where it is one: with it, and with nothing else, a role rotates its own. */
  readonly apiKey?: {
    /** The `Authorization` header of whoever holds the key. */
    basic(): string;
    /** Signs in with this key from now on. */
    replace(key: string): void;
  };
}

/** Text as one segment of a URL's path, slashes and all. @throws SecretsError `invalid-argument` for what is no text. */
export function segment(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  throw new SecretsError("invalid-argument", "a name has half a surrogate pair", {
    provider: "conjur",
    hint: "Conjur's names are Unicode text.",
  });
}

/** What a function of the user's gives. Its own error may show a token, so it is let go. */
export async function given<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isSecretsError(error)) throw error;
    throw new SecretsError("unauthenticated", `the ${what} could not be had`, {
      provider: "conjur",
      hint: `The function that was given to the provider for its ${what} failed. Its own words are withheld.`,
    });
  }
}

/** The request that shows a JSON web token to an authenticator. */
export async function tokenRequest(path: string, token: () => Promise<string>): Promise<HttpRequest> {
  const jwt: unknown = await given("identity token", token);
  if (typeof jwt !== "string" || jwt.trim() === "") {
    throw new SecretsError("unauthenticated", "the identity token is empty", {
      provider: "conjur",
      hint: "The function that was given as token must give the token's text.",
    });
  }
  return {
    method: "POST",
    path,
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ jwt: jwt.trim() }).toString(),
  };
}

/** Where a host signs in by an authenticator. */
export const hostPath = (authenticator: string, service: string, account: string, host: string): string =>
  `/${authenticator}/${segment(service)}/${segment(account)}/${segment(`host/${host}`)}/authenticate`;

/** @throws SecretsError `invalid-argument` for options that are missing or blank; `names` are their names. */
export function demandText(authenticator: string, options: Readonly<Record<string, unknown>>, ...names: readonly string[]): void {
  const missing = names.find((name) => typeof options[name] !== "string" || String(options[name]).trim() === "");
  if (missing === undefined) return;
  throw new SecretsError("invalid-argument", `${authenticator} needs ${missing}`, {
    provider: "conjur",
    hint: `Give ${authenticator}({ ${names.join(", ")} }) texts that are not empty.`,
  });
}
