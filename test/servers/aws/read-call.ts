import type { ServiceRequest } from "../https-service.ts";

/** What arrived, without values. */
export interface AwsCall {
  readonly action: string;
  readonly secretId: string;
  readonly accessKeyId: string | undefined;
}

export type Input = Record<string, any>;

/** STS has no target header: its action is in a form. */
export const isForTokenService = ({ headers }: ServiceRequest): boolean => headers["x-amz-target"] === undefined;

/** The operation that a request asks for, and what it says. */
export function readCall(request: ServiceRequest): AwsCall & { readonly input: Input | undefined } {
  const accessKeyId = /Credential=(\w+)\//.exec(request.headers.authorization ?? "")?.[1];
  if (isForTokenService(request)) return { action: "GetCallerIdentity", secretId: "", accessKeyId, input: undefined };
  const input = parse(request.body);
  const action = String(request.headers["x-amz-target"]).replace(/^secretsmanager\./, "");
  return { action, secretId: String(input?.SecretId ?? input?.Name ?? input?.SecretIdList ?? ""), accessKeyId, input };
}

function parse(body: Buffer): Input | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
