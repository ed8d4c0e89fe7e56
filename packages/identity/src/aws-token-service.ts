import { type CallContext, SecretsError } from "@keyhold/core";
import type { HttpResponse, TlsOptions } from "@keyhold/http";
import { ask, parseAddress, signInError, unexpectedAnswer } from "./ask.ts";
import { type AwsCredentials, credentialsFromAnswer } from "./aws-credentials.ts";
import { awsEndpoint } from "./aws-endpoint.ts";
import type { Environment } from "./environment.ts";
import { signAwsRequest } from "./sign-aws-request.ts";

const what = "AWS's token service";

export interface TokenServiceCall {
  readonly action: "AssumeRole" | "AssumeRoleWithWebIdentity";
  readonly parameters: Readonly<Record<string, string | undefined>>;
  /** Signs the call. A web identity needs none. */
  readonly credentials?: AwsCredentials;
  /** Default: the global address, in us-east-1. */
  readonly region: string | undefined;
  readonly tls: TlsOptions | undefined;
  readonly environment: Environment;
}

/** What to do about the errors that people meet, by the service's own code. */
const hints: Readonly<Record<string, string>> = {
  AccessDenied: "The role's trust policy must allow this caller; where it demands an external id, give it.",
  ExpiredToken: "The credentials or the token that sign in have expired: check what renews them, and this machine's clock.",
  ExpiredTokenException:
    "The credentials or the token that sign in have expired: check what renews them, and this machine's clock.",
  InvalidIdentityToken: "The role must trust the issuer of the token, and its audience.",
  InvalidClientTokenId: "AWS does not know the key id that signs in, or the region is not enabled for its account.",
  SignatureDoesNotMatch: "Check the secret access key, and this machine's clock.",
  RegionDisabledException: "Enable the token service for this region in the account, or choose another region.",
};

const element = (xml: string, name: string): string | undefined => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];

function failure(response: HttpResponse, context: CallContext): SecretsError {
  const code = element(response.text(), "Code") ?? "";
  // These come with status 400, and the same call may succeed later.
  if (code === "Throttling" || code === "ThrottlingException") return new SecretsError("rate-limited", `${what} is throttling`);
  if (code === "IDPCommunicationError") {
    return new SecretsError("unavailable", `${what} could not reach the issuer of the token`, { hint: "It is retried." });
  }
  const known = Object.hasOwn(hints, code);
  const told = known ? `${what} (${code})` : what;
  return signInError(
    response,
    told,
    context,
    known ? (hints[code] as string) : "Check the role, its trust policy and the region.",
  );
}

/**
 * Takes on a role. The answer is XML whatever is asked for, of which four elements without inner markup matter.
 *
 * @throws SecretsError `unauthenticated` when AWS refuses.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export async function assumeRole(call: TokenServiceCall, context: CallContext): Promise<AwsCredentials> {
  const { action, parameters, credentials, region = "us-east-1", tls, environment } = call;
  const url = awsEndpoint("STS", region, environment);
  const { host, pathname } = parseAddress(url, what);
  const fields = { Action: action, Version: "2011-06-15", ...parameters };
  const given = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined);
  const body = new URLSearchParams(given).toString();
  const plain = { "content-type": "application/x-www-form-urlencoded; charset=utf-8" };
  const headers =
    credentials === undefined
      ? plain
      : signAwsRequest(
          { method: "POST", host, path: pathname, headers: plain, body },
          { credentials, region, service: "sts", signedAt: context.clock.now() },
        );
  const response = await ask({ what, url, tls, method: "POST", headers, body }, context);
  if (response.status !== 200) throw failure(response, context);
  const xml = response.text();
  const found = ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"].map(
    (name) => [name, element(xml, name)] as const,
  );
  // A role's keys are of no use without their token.
  if (found.some(([, value]) => value === undefined)) throw unexpectedAnswer(what);
  return credentialsFromAnswer(Object.fromEntries(found), what);
}
