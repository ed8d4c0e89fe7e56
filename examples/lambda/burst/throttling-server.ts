import { randomUUID } from "node:crypto";
import { errorAnswer, jsonAnswer, usualMessage } from "../../../test/servers/aws/error-answer.ts";
import { readCall } from "../../../test/servers/aws/read-call.ts";
import { type AwsCredentials, verifySignature } from "../../../test/servers/aws/verify-signature.ts";
import { type HttpsService, type ServiceAnswer, startHttpsService } from "../../../test/servers/https-service.ts";

/** Calls a second, of one account in one region. https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html */
export interface Quotas {
  readonly single: number;
  readonly batch: number;
}

export interface ThrottlingServer extends HttpsService {
  readonly credentials: AwsCredentials;
  /** What came since the last time this was asked. */
  counts(): { readonly calls: number; readonly throttled: number; readonly violations: number };
}

/** Lets through so many a second, and as many at once after a pause. */
function bucket(perSecond: number): () => boolean {
  let tokens = perSecond;
  let filledAt = performance.now();
  return () => {
    const now = performance.now();
    tokens = Math.min(perSecond, tokens + ((now - filledAt) * perSecond) / 1_000);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };
}

/**
 * Reads of Secrets Manager as a load target: signatures are checked, values are ready-made, and single reads and batches have a quota
 * each, as at AWS.
 */
export async function startThrottlingServer(quotas: Quotas): Promise<ThrottlingServer> {
  const credentials = { accessKeyId: "AKIAKEYHOLDBURST0000", secretAccessKey: randomUUID() };
  const known = new Map([[credentials.accessKeyId, credentials]]);
  const version = randomUUID();
  const answerFor = (name: string) => ({
    ARN: `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-a1b2c3`,
    CreatedDate: 1_780_000_000,
    Name: name,
    SecretString: `value of ${name}`,
    VersionId: version,
    VersionStages: ["AWSCURRENT"],
  });
  const passes = { single: bucket(quotas.single), batch: bucket(quotas.batch) };
  let [calls, throttled] = [0, 0];
  const service = await startHttpsService({
    tls: false,
    handle(request): ServiceAnswer {
      calls += 1;
      const verified = verifySignature(
        { ...request, url: request.path },
        { service: "secretsmanager", regions: ["eu-west-1"], known, now: Date.now() },
      );
      if ("refusal" in verified) return errorAnswer(400, verified.refusal.type, verified.refusal.message);
      const { action, input = {} } = readCall(request);
      const isBatch = action === "BatchGetSecretValue";
      if (!isBatch && action !== "GetSecretValue") return errorAnswer(400, "UnknownOperationException", "");
      if (!passes[isBatch ? "batch" : "single"]()) {
        throttled += 1;
        return errorAnswer(400, "ThrottlingException", usualMessage("ThrottlingException"));
      }
      if (!isBatch) return jsonAnswer(200, answerFor(String(input.SecretId)));
      return jsonAnswer(200, { Errors: [], SecretValues: (input.SecretIdList as string[]).map(answerFor) });
    },
  });
  return {
    ...service,
    credentials,
    counts() {
      const counted = { calls, throttled, violations: service.violations.length };
      [calls, throttled] = [0, 0];
      service.requests.length = 0;
      return counted;
    },
  };
}
