import { type CallContext, isSecretsError, SecretsError } from "@keyhold/core";
import type { AwsCredentials } from "@keyhold/identity";
import type { VaultAuth } from "./auth.ts";
import { identity } from "./identity.ts";
import { signIn } from "./login.ts";

export interface AwsIamAuthOptions {
  /** The role in Vault. Default: one with the name of the AWS role. */
  readonly role?: string;
  /** Default: wherever AWS leaves a workload its credentials. AWS's own credential providers fit. */
  readonly credentials?: AwsCredentials | ((context: CallContext) => Promise<AwsCredentials>);
  /** The region whose STS is asked. Default: the global endpoint, in us-east-1. */
  readonly region?: string;
  /** Another address of STS, such as that of a VPC endpoint: Vault sends the signed request there if its own configuration says so. */
  readonly stsEndpoint?: string;
  /** What Vault wants in X-Vault-AWS-IAM-Server-ID, so that a request signed for another cluster is of no use here. */
  readonly serverId?: string;
  /** Default: `aws`. */
  readonly mount?: string;
}

async function credentialsOf(options: AwsIamAuthOptions, context: CallContext): Promise<AwsCredentials> {
  const credentials = options.credentials ?? (await identity()).awsCredentials();
  if (typeof credentials !== "function") return credentials;
  try {
    return await credentials(context);
  } catch (error) {
    if (isSecretsError(error)) throw error;
    throw new SecretsError("unauthenticated", "the AWS credential provider failed", {
      provider: "vault",
      hint: "Call that provider by itself.",
    });
  }
}

/** @throws SecretsError `invalid-argument`, which repeats nothing of what was given. */
function endpointOf({ region, stsEndpoint }: AwsIamAuthOptions): URL {
  const text = stsEndpoint ?? `https://${region === undefined ? "sts" : `sts.${region}`}.amazonaws.com/`;
  const url = URL.parse(text);
  if (url !== null && url.username === "" && url.password === "") return url;
  throw new SecretsError("invalid-argument", "the address of STS is no URL, or has a user in it", {
    provider: "vault",
    hint: "Write stsEndpoint like https://sts.eu-west-1.amazonaws.com/, and region like eu-west-1.",
  });
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/**
 * Proves an AWS identity by a signed request to STS, which Vault sends on. The AWS credentials themselves go nowhere.
 * https://developer.hashicorp.com/vault/api-docs/auth/aws#login
 */
export function awsIamAuth(options: AwsIamAuthOptions = {}): VaultAuth {
  const method = "AWS IAM";
  const { role, region = "us-east-1", serverId, mount = "aws" } = options;
  const url = endpointOf(options);
  return {
    method,
    issuesTokens: true,
    async login(login) {
      const { context } = login;
      const { signAwsRequest } = await identity();
      const body = "Action=GetCallerIdentity&Version=2011-06-15";
      const headers = {
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
        ...(serverId === undefined ? {} : { "x-vault-aws-iam-server-id": serverId }),
      };
      const signed = signAwsRequest(
        { method: "POST", host: url.host, path: url.pathname, headers, body },
        { credentials: await credentialsOf(options, context), region, service: "sts", signedAt: context.clock.now() },
      );
      const proof = {
        ...(role === undefined ? {} : { role }),
        iam_http_request_method: "POST",
        iam_request_url: base64(url.href),
        iam_request_body: base64(body),
        iam_request_headers: base64(JSON.stringify(signed)),
      };
      return signIn(method, { mount, body: proof }, login);
    },
  };
}
