import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";
import type { HttpResponse } from "@keyhold/http";
import { ask, objectOf, signInError } from "./ask.ts";
import { type AwsCredentialSource, type AwsCredentials, credentialsFromAnswer } from "./aws-credentials.ts";
import type { Environment } from "./environment.ts";
import { identityContext, within } from "./identity-context.ts";

export interface InstanceAwsOptions {
  /** Default: AWS_EC2_METADATA_SERVICE_ENDPOINT, or the address that AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE says (IPv4 or IPv6). */
  readonly endpoint?: string;
  /** How long the service may take to answer, in milliseconds: where there is none, nothing answers. Default: 1,000. */
  readonly answerMs?: number;
  /** Default: `process.env`. */
  readonly environment?: Environment;
}

const what = "the instance metadata service";
const rolesPath = "/latest/meta-data/iam/security-credentials/";
/** What an instance has to be good for while AWS cannot renew its credentials. */
const outageMs = 5 * 60_000;

function endpointOf({ endpoint, environment = process.env }: InstanceAwsOptions): string {
  const isIPv6 = environment.AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE?.toLowerCase() === "ipv6";
  const usual = isIPv6 ? "http://[fd00:ec2::254]" : "http://169.254.169.254";
  return (endpoint ?? (environment.AWS_EC2_METADATA_SERVICE_ENDPOINT || usual)).replace(/\/+$/, "");
}

const unreachable = (error: SecretsError): SecretsError =>
  new SecretsError(error.code, `${what} did not answer`, {
    retryable: error.retryable,
    hint: "On EC2, allow it (IMDSv2) and, in a container, set the instance's metadata hop limit to 2. Elsewhere give other credentials.",
  });

const noRole = (response: HttpResponse, context: CallContext): SecretsError =>
  signInError(response, what, context, "Attach an IAM role to the instance.");

/**
 * Credentials that have ended already are what the service gives when AWS cannot renew them. AWS asks to try them all the same.
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html
 */
function stable(credentials: AwsCredentials, { clock }: CallContext): AwsCredentials {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = credentials;
  if (expiration === undefined || expiration.getTime() > clock.now()) return credentials;
  const answer = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken };
  return credentialsFromAnswer({ ...answer, Expiration: new Date(clock.now() + outageMs).toISOString() }, what);
}

type Ask = (path: string) => Promise<HttpResponse>;

/** Opens a session with the service. */
async function session(options: InstanceAwsOptions, context: CallContext): Promise<Ask> {
  const { answerMs = 1_000 } = options;
  const endpoint = endpointOf(options);
  const request = (method: string, path: string, headers: Record<string, string>) =>
    ask({ what, url: `${endpoint}${path}`, method, headers }, within(context, answerMs));
  const opened = await request("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "300" }).catch(
    (error: unknown) => {
      throw isSecretsError(error, "timeout", "unavailable") ? unreachable(error) : error;
    },
  );
  if (opened.status !== 200) throw signInError(opened, what, context, "Switch the instance's metadata service on.");
  const headers = { "x-aws-ec2-metadata-token": opened.text().trim() };
  return (path) => request("GET", path, headers);
}

/** What the service knows under a path. @throws SecretsError as `instanceAwsCredentials` does. */
export async function instanceMetadata(path: string, options: InstanceAwsOptions, context: CallContext): Promise<HttpResponse> {
  const response = await (await session(options, context))(path);
  if (response.status === 200) return response;
  throw signInError(response, what, context, "Check the instance's metadata options.");
}

/**
 * The credentials of an EC2 instance's role, by version 2 of its metadata service only: version 1 answers whoever gets a request
 * through, also one that was forged on the server's side.
 *
 * @throws SecretsError `unauthenticated` when the instance has no role or the service is switched off, `timeout` or `unavailable`
 * when nothing answers.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */
export function instanceAwsCredentials(options: InstanceAwsOptions = {}): AwsCredentialSource {
  return async (given) => {
    const context = identityContext(given);
    const request = await session(options, context);
    const roles = await request(rolesPath);
    const [role = ""] = roles.status === 200 ? roles.text().trim().split(/\s/) : [];
    if (role === "") throw noRole(roles, context);
    const answer = await request(`${rolesPath}${encodeURIComponent(role)}`);
    if (answer.status !== 200) throw noRole(answer, context);
    return stable(credentialsFromAnswer(objectOf(answer, what), what), context);
  };
}
