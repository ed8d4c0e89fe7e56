import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { WallClock } from "../oidc/token-authority.ts";
import { unauthorized } from "./conjur-error.ts";

/** Eight minutes, as the service has it. */
export const tokenLifetimeS = 8 * 60;

export interface AccessToken {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

export interface AccessTokens {
  issue(login: string): AccessToken;
  /** Who sends this `Authorization` header. Throws the service's 401. */
  verify(authorization: string | undefined): { readonly login: string; readonly issuedAtMs: number };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** Tokens in the service's own form, good for one server and one account. */
export function createAccessTokens(clock: WallClock): AccessTokens {
  const secret = randomBytes(32);
  const kid = randomBytes(16).toString("hex");
  const sign = (text: string): Buffer => createHmac("sha256", secret).update(text).digest();
  return {
    issue(login) {
      const iat = Math.floor(clock.now() / 1000);
      const header = encode({ alg: "conjur.org/slosilo/v2", kid });
      const payload = encode({ sub: login, iat, exp: iat + tokenLifetimeS });
      return { protected: header, payload, signature: sign(`${header}.${payload}`).toString("base64url") };
    },
    verify(authorization) {
      const sent = /^Token token="(.*)"/s.exec(authorization ?? "")?.[1];
      if (sent === undefined) throw unauthorized("Authorization missing");
      let token: Partial<AccessToken> | null;
      try {
        token = JSON.parse(Buffer.from(sent, "base64").toString());
      } catch {
        throw unauthorized("Malformed authorization token");
      }
      const expected = sign(`${token?.protected}.${token?.payload}`);
      const signature = Buffer.from(String(token?.signature), "base64url");
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected))
        throw unauthorized("Unauthorized: Invalid token");
      const { sub, iat, exp } = JSON.parse(Buffer.from(String(token?.payload), "base64url").toString());
      if (exp * 1000 <= clock.now()) throw unauthorized("Unauthorized: Invalid token");
      return { login: sub, issuedAtMs: iat * 1000 };
    },
  };
}
