import {
  GetSecretValueCommand,
  SecretsManagerClient,
  type SecretsManagerServiceException,
} from "@aws-sdk/client-secrets-manager";
import { type HttpsService, type ServiceAnswer, type ServiceRequest, startHttpsService } from "../https-service.ts";
import type { AwsServer } from "./start-aws.ts";

export interface AgentOptions {
  /** The agent for workloads, or the extension for Lambda functions: they answer in different ways. */
  readonly kind: "agent" | "extension";
  readonly token: string;
}

/** A local agent in front of the service. It holds what it read until it is asked to read anew. Faults match `GET /secretsmanager/get`. */
export interface AgentServer extends HttpsService {
  /** Whether the extension serves yet: not in the init phase of a function. */
  isReady: boolean;
}

const text = (status: number, body: string): ServiceAnswer => ({ status, headers: { "content-type": "text/plain" }, body });

/** What the agent's query may hold. https://github.com/aws/aws-secretsmanager-agent */
const parameters: ReadonlySet<string> = new Set(["secretId", "versionId", "versionStage", "refreshNow"]);

/**
 * As strict as AWS's agent (2.0.0, `server.rs` and `parse.rs`): GET alone, its token, no forwarding, no unknown parameter. Errors
 * come as it writes them, which is without escaping the message. The extension's source is not public: its answers are those that
 * its users report.
 */
export async function startAgent(aws: AwsServer, { kind, token }: AgentOptions): Promise<AgentServer> {
  const { url: endpoint, region, credentials } = aws;
  const client = new SecretsManagerClient({ endpoint, region, credentials, maxAttempts: 1 });
  const held = new Map<string, string>();
  const state = { isReady: true };

  const refusal = ({ method, headers }: ServiceRequest): ServiceAnswer | undefined => {
    if (kind === "extension" && !state.isReady) return text(400, "not ready to serve traffic, please wait");
    if (headers["x-forwarded-for"] !== undefined) return text(400, "Forwarded");
    if (headers["x-aws-parameters-secrets-token"] !== token) {
      return kind === "agent" ? text(403, "Bad Token") : text(401, "failed to authenticate the request");
    }
    return method === "GET" ? undefined : text(405, "Not allowed");
  };

  const passOn = (error: SecretsManagerServiceException): ServiceAnswer => {
    const { name, message, $metadata } = error;
    const status = $metadata.httpStatusCode ?? 500;
    if (kind === "agent") return text(status, `{"__type":"${name}", "message":"${message}"}`);
    return text(
      status,
      `operation error Secrets Manager: GetSecretValue, https response error StatusCode: ${status}, ${name}: ${message}`,
    );
  };

  const read = async (query: URLSearchParams): Promise<string> => {
    const [SecretId, VersionId, VersionStage] = ["secretId", "versionId", "versionStage"].map(
      (name) => query.get(name) ?? undefined,
    );
    const found = await client.send(new GetSecretValueCommand({ SecretId, VersionId, VersionStage }));
    const { $metadata: _, SecretBinary, CreatedDate, ...rest } = found;
    const at = CreatedDate?.getTime() ?? 0;
    return JSON.stringify({
      ...rest,
      ...(SecretBinary && { SecretBinary: Buffer.from(SecretBinary).toString("base64") }),
      CreatedDate: kind === "agent" ? String(at / 1000) : new Date(at).toISOString(),
      ...(kind === "extension" && { ResultMetadata: {} }),
    });
  };

  const service = await startHttpsService({
    tls: false,
    async handle(request, violate) {
      const refused = refusal(request);
      if (refused) return refused;
      if (request.path !== "/secretsmanager/get") return text(404, "Not found");
      const { query } = request;
      const unknown = [...query.keys()].find((name) => !parameters.has(name));
      if (unknown !== undefined) {
        violate(`unknown parameter ${unknown}`);
        return text(400, `unknown parameter: ${unknown}`);
      }
      if (!query.get("secretId")) return text(400, "missing parameter secretId");
      const refreshNow = query.get("refreshNow") === "true";
      query.delete("refreshNow");
      const key = query.toString();
      try {
        const body = (refreshNow ? undefined : held.get(key)) ?? (await read(query));
        held.set(key, body);
        return { status: 200, body };
      } catch (error) {
        return passOn(error as SecretsManagerServiceException);
      }
    },
  });
  return {
    ...service,
    get isReady() {
      return state.isReady;
    },
    set isReady(ready) {
      state.isReady = ready;
    },
    async close() {
      client.destroy();
      await service.close();
    },
  };
}
