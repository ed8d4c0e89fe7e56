import { type ConjurAuth, demandText, hostPath, segment, tokenRequest } from "./auth.ts";

export interface JwtAuthOptions {
  /** The authenticator's service id: `ci` for `authn-jwt/ci`. */
  readonly service: string;
  /** The host without `host/`, where the authenticator takes it from the request. Default: it takes it from the token. */
  readonly host?: string;
  /** Gives the token of now. Asked at each sign-in, about every six minutes. */
  readonly token: () => Promise<string>;
}

/**
 * Signs in by `authn-jwt`: a Kubernetes service account, GitLab, GitHub, or whoever else signs tokens.
 *
 * @throws SecretsError `invalid-argument` for an empty service.
 * @example
 * const token = () => readFile("/var/run/secrets/tokens/conjur", "utf8");
 * conjur({ url, account: "prod", auth: jwtAuth({ service: "kubernetes", token }) });
 */
export function jwtAuth({ service, host, token }: JwtAuthOptions): ConjurAuth {
  demandText("jwtAuth", { service }, "service");
  return {
    signIn: (account) =>
      tokenRequest(
        host === undefined
          ? `/authn-jwt/${segment(service)}/${segment(account)}/authenticate`
          : hostPath("authn-jwt", service, account, host),
        token,
      ),
  };
}
