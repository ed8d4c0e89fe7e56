import { type CallContext, type ErrorCode, isSecretsError, SecretsError } from "@keyhold/core";
import { readText } from "./read-text.ts";
import { untilEnded } from "./until-ended.ts";

/** What a request signs in with. Nothing: as `system:anonymous`. */
export interface Credential {
  readonly token?: string;
  /** PEM. */
  readonly cert?: string;
  readonly key?: string;
}

export interface CredentialSource {
  current(context: CallContext): Promise<Credential>;
  /** The server refused this one. There where another may be had at once. */
  refused?(credential: Credential): void;
  close?(): void;
}

/** PEM text, or the file that holds it. */
export type PemSource = { readonly text: string } | { readonly file: string };

/** Files are read each time, as certificates are renewed in place. */
export const readPem = async (source: PemSource, what: string, code: ErrorCode): Promise<string> =>
  "text" in source ? source.text : readText(source.file, what, code);

/** Files end with a line break, which no header may hold. */
function trimmed(text: string): string {
  const token = text.trim();
  if (token !== "") return token;
  throw new SecretsError("unauthenticated", "the token is empty", {
    provider: "kubernetes",
    hint: "See where it comes from: the option, the file or the function.",
  });
}

/** One token, or a function that is asked for each request. */
export function tokenCredentials(token: string | (() => Promise<string>)): CredentialSource {
  return {
    async current(context) {
      if (typeof token === "string") return { token: trimmed(token) };
      try {
        return { token: trimmed(await untilEnded(Promise.resolve().then(token), context)) };
      } catch (error) {
        if (isSecretsError(error)) throw error;
        throw new SecretsError("unauthenticated", "the function that gives the token failed", {
          provider: "kubernetes",
          hint: "Its own error is not shown, as it may hold a credential: catch it inside the function.",
        });
      }
    },
  };
}

/** A token in a file, which the kubelet replaces before it expires: read for each request. */
export const tokenFileCredentials = (file: string): CredentialSource => ({
  current: async () => ({ token: trimmed(await readText(file, "the token file", "unauthenticated")) }),
});

export const certificateCredentials = (cert: PemSource, key: PemSource): CredentialSource => ({
  async current() {
    const [certText, keyText] = await Promise.all([
      readPem(cert, "the client certificate", "unauthenticated"),
      readPem(key, "the client certificate's key", "unauthenticated"),
    ]);
    return { cert: certText, key: keyText };
  },
});

/** Both at once: a certificate for TLS, and a token. */
export const joinedCredentials = (...sources: readonly CredentialSource[]): CredentialSource => ({
  async current(context) {
    const parts = await Promise.all(sources.map((source) => source.current(context)));
    return Object.assign({}, ...parts) as Credential;
  },
});
