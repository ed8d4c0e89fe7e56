import { SecretsError } from "@keyhold/core";
import { googleIdentityTokens } from "@keyhold/identity";
import { type ConjurAuth, segment, tokenRequest } from "./auth.ts";

/** One of them: a host, whose identity comes from wherever Google leaves it to a workload, or a token. */
export interface GcpAuthOptions {
  /** The host without `host/`. */
  readonly host?: string;
  /** Gives the identity token of now, whose audience is `conjur/ACCOUNT/host/HOST`: it names the host that signs in. */
  readonly token?: () => Promise<string>;
}

/**
 * Signs in by `authn-gcp`, as a service account or an instance of Google Cloud.
 *
 * @throws SecretsError `invalid-argument` without a host and without a token.
 * @see https://docs.conjur.org/Latest/en/Content/Operations/Services/cjr-gcp-authn.htm
 */
export function gcpAuth({ host, token }: GcpAuthOptions): ConjurAuth {
  if (!host && token === undefined) {
    throw new SecretsError("invalid-argument", "gcpAuth needs host or token", { provider: "conjur", hint: "Name the host." });
  }
  const tokens = googleIdentityTokens();
  return {
    signIn: (account, context) =>
      tokenRequest(
        `/authn-gcp/${segment(account)}/authenticate`,
        token ?? (() => tokens.get(`conjur/${account}/host/${host}`, context)),
      ),
  };
}
