import { type ConjurAuth, segment, tokenRequest } from "./auth.ts";

export interface GcpAuthOptions {
  /** Gives the identity token of now, whose audience is `conjur/ACCOUNT/host/HOST`: it names the host that signs in. */
  readonly token: () => Promise<string>;
}

/**
 * Signs in by `authn-gcp`, as a service account or an instance of Google Cloud.
 *
 * @see https://docs.conjur.org/Latest/en/Content/Operations/Services/cjr-gcp-authn.htm
 */
export function gcpAuth({ token }: GcpAuthOptions): ConjurAuth {
  return { signIn: (account) => tokenRequest(`/authn-gcp/${segment(account)}/authenticate`, token) };
}
