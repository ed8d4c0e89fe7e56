import type { AccessToken } from "./access-tokens.ts";
import { unexpectedAnswer } from "./ask.ts";

/** An identity token, whose own payload tells when it ends. It is verified by those it is shown to. @throws SecretsError `decode`. */
export function identityToken(token: string, what: string): AccessToken {
  const [, payload = ""] = token.trim().split(".");
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  } catch {
    // The parser's message repeats what it could not read.
  }
  const { exp } = (claims ?? {}) as { readonly exp?: unknown };
  if (typeof exp !== "number") throw unexpectedAnswer(what);
  return { token: token.trim(), expiresAt: exp * 1000 };
}
