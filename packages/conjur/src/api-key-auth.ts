import { type ConjurAuth, demandText, segment } from "./auth.ts";

export interface ApiKeyAuthOptions {
  /** Who signs in: `host/app/web` for a host, `alice` for a user. */
  readonly login: string;
  /** The API key, not the password. Conjur tells it once, when a policy makes the role or the key is rotated. */
  readonly apiKey: string;
}

/**
 * Signs in with an API key. After `rotateApiKey({}, context)` the new key is used; keep it too, for the next start.
 *
 * @throws SecretsError `invalid-argument` for an empty login or key.
 * @example
 * conjur({ url, account: "prod", auth: apiKeyAuth({ login: "host/app/web", apiKey: process.env.CONJUR_AUTHN_API_KEY ?? "" }) });
 */
export function apiKeyAuth(options: ApiKeyAuthOptions): ConjurAuth {
  demandText("apiKeyAuth", { ...options }, "login", "apiKey");
  const { login } = options;
  let key = options.apiKey.trim();
  return {
    async signIn(account) {
      const path = `/authn/${segment(account)}/${segment(login)}/authenticate`;
      return { method: "POST", path, headers: { "content-type": "text/plain" }, body: key };
    },
    apiKey: {
      basic: () => `Basic ${Buffer.from(`${login}:${key}`).toString("base64")}`,
      replace(next) {
        key = next;
      },
    },
  };
}
