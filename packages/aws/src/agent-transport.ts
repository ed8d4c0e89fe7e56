import { type CallContext, SecretsError, throwIfEnded } from "@keyhold/core";
import { type HttpResponse, httpClient, retryAfterMs } from "@keyhold/http";
import type { AgentOptions } from "./agent-options.ts";
import { agentToken } from "./agent-token.ts";
import { awsError, isAwsErrorName } from "./aws-error.ts";
import { fromJson } from "./json-protocol.ts";
import type { Operation, Transport } from "./transport.ts";

const unsupported = () =>
  new SecretsError("unsupported", "a local agent only reads", {
    provider: "aws",
    hint: "Use aws() without agent for everything else.",
  });

/** The name of AWS's error that the agent passes on. Its JSON may be broken, and the extension tells it in a sentence. */
function passedOn(text: string): string | undefined {
  const type = /"__type"\s*:\s*"(?:[^"#]*#)?(\w+)"/.exec(text)?.[1];
  return type ?? text.match(/\b[A-Z][A-Za-z]+(?:Exception|Failure|Error)\b/g)?.find(isAwsErrorName);
}

/** What the agent says on its own behalf. */
function ownError({ status }: HttpResponse, text: string): SecretsError | undefined {
  const say = (code: "unauthenticated" | "unavailable", what: string, hint: string, retryable: boolean) =>
    new SecretsError(code, `AWS's local agent ${what}`, { provider: "aws", hint, retryable });
  if (status === 401 || status === 403) {
    const hint = "Check agent.token, agent.tokenFile or AWS_TOKEN: agent and program must have the same.";
    return say("unauthenticated", "does not accept the token", hint, false);
  }
  if (status === 404) {
    return say("unavailable", "does not know the request", "Something else listens there: check agent.address.", false);
  }
  // During the init phase of a Lambda function its extensions do not serve yet.
  if (status === 400 && /not ready/i.test(text)) {
    return say("unavailable", "is not ready yet", "The Lambda extension serves once the function's init phase is over.", true);
  }
  return undefined;
}

function failure(response: HttpResponse, context: CallContext): SecretsError {
  const text = Buffer.from(response.bytes()).toString();
  const name = passedOn(text);
  const own = name === undefined ? ownError(response, text) : undefined;
  if (own !== undefined) return own;
  const waitMs = retryAfterMs(response.header("retry-after"), context.clock);
  const { status } = response;
  return awsError({ name: name ?? "", status, ...(waitMs === undefined ? {} : { retryAfterMs: waitMs }) });
}

/** Go's times, as the Lambda extension writes them, become seconds, as AWS and the agent have them. */
function inSeconds(answer: unknown): unknown {
  if (typeof answer !== "object" || answer === null) return answer;
  const { CreatedDate: created } = answer as { readonly CreatedDate?: unknown };
  const at = typeof created === "string" && created.includes("T") ? Date.parse(created) : Number.NaN;
  return Number.isNaN(at) ? answer : { ...answer, CreatedDate: at / 1000 };
}

/**
 * Reads through AWS's agent for workloads or the Lambda extension, which hold secrets for a while themselves.
 * https://github.com/aws/aws-secretsmanager-agent
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/retrieving-secrets_lambda.html
 */
export function agentTransport(options: AgentOptions): Transport {
  const { address, socketPath, refreshNow = false } = options;
  const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT || "2773";
  const http = httpClient({
    baseUrl: address ?? (socketPath === undefined ? `http://127.0.0.1:${port}` : "http://localhost"),
    ...(socketPath === undefined ? {} : { socketPath }),
    proxy: false,
  });
  let closed = false;

  return {
    async call<Output>(operation: Operation, input: Readonly<Record<string, unknown>>, context: CallContext): Promise<Output> {
      if (closed) throw new SecretsError("closed", "this provider is closed", { provider: "aws" });
      throwIfEnded(context);
      if (operation !== "GetSecretValue") throw unsupported();
      const { SecretId, VersionId, VersionStage } = input as Readonly<Record<string, string | undefined>>;
      const query = {
        secretId: SecretId,
        versionId: VersionId,
        versionStage: VersionStage,
        refreshNow: refreshNow ? "true" : undefined,
      };
      const headers = { "x-aws-parameters-secrets-token": await agentToken(options) };
      const response = await http.request({ path: "/secretsmanager/get", query, headers }, context);
      if (response.status !== 200) throw failure(response, context);
      return fromJson(inSeconds(response.json())) as Output;
    },
    signer: () => Promise.reject(unsupported()),
    close() {
      closed = true;
      http.close();
    },
  };
}
