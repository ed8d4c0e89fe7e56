import { type CallContext, type CheckReport, isSecretsError } from "@keyhold/core";
import { type HttpClient, httpClient, httpError } from "@keyhold/http";
import { awsEndpoint, signAwsRequest } from "@keyhold/identity";
import type { AwsOptions } from "./aws-options.ts";
import type { ListAnswer, Transport } from "./transport.ts";

const stsAction = "Action=GetCallerIdentity&Version=2011-06-15";

/**
 * Asks STS who we are, which needs no permission, and the service for its shortest list.
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
export async function check(transport: Transport, { stsEndpoint, tls }: AwsOptions, context: CallContext): Promise<CheckReport> {
  const { credentials, region } = await transport.signer(context);
  const baseUrl = stsEndpoint ?? awsEndpoint("STS", region);
  const sts = httpClient({ baseUrl, tls });
  try {
    const caller = await callerIdentity(sts, { credentials, region, host: new URL(baseUrl).host }, context);
    return {
      principal: caller.arn,
      serverTimeAt: caller.serverTimeAt,
      certificateExpiresAt: sts.certificateExpiresAt(),
      permissions: [{ path: "*", actions: await mayList(transport, context) }],
    };
  } finally {
    sts.close();
  }
}

type Signer = Awaited<ReturnType<Transport["signer"]>> & { readonly host: string };

async function callerIdentity(sts: HttpClient, { credentials, region, host }: Signer, context: CallContext) {
  const request = {
    method: "POST",
    host,
    path: "/",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: stsAction,
  };
  const signed = signAwsRequest(request, { credentials, region, service: "sts", signedAt: context.clock.now() });
  const { host: _sentByItself, ...headers } = signed;
  const response = await sts.request({ method: "POST", path: "/", headers, body: stsAction }, context);
  if (response.status !== 200)
    throw httpError(response, { provider: "aws", clock: context.clock, codes: { 403: "unauthenticated" } });
  const serverTimeAt = Date.parse(response.header("date") ?? "");
  return {
    arn: /<Arn>([^<]{1,2048})<\/Arn>/.exec(response.text())?.[1],
    ...(Number.isNaN(serverTimeAt) ? {} : { serverTimeAt }),
  };
}

async function mayList(transport: Transport, context: CallContext): Promise<readonly string[]> {
  try {
    await transport.call<ListAnswer>("ListSecrets", { MaxResults: 1 }, context);
    return ["secretsmanager:ListSecrets"];
  } catch (error) {
    if (isSecretsError(error, "permission-denied")) return [];
    throw error;
  }
}
