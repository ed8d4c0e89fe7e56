import {
  type CallContext,
  isSecretsError,
  type Locator,
  type SecretRecord,
  type SecretsError,
  throwIfEnded,
} from "@keyhold/core";
import { awsError } from "./aws-error.ts";
import { toRecord } from "./to-record.ts";
import type { BatchAnswer, Transport } from "./transport.ts";

type Outcome = SecretRecord | SecretsError;

/** https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html */
const mostPerBatch = 20;

function outcomeIn(answer: BatchAnswer, path: string): Outcome {
  const value = answer.SecretValues?.find(({ Name, ARN }) => Name === path || ARN === path);
  if (value) return toRecord(value);
  const failure = answer.Errors?.find(({ SecretId }) => SecretId === path);
  return awsError({ name: failure?.ErrorCode ?? "ResourceNotFoundException", status: 400 });
}

/**
 * Reads many current values by BatchGetSecretValue, twenty a call, in parallel. Versions and stages, which it cannot take, and all of
 * a batch that was denied or throttled as a whole, are left to `readOne`: it needs a permission of its own and has a far lower quota.
 */
export async function readBatch(
  transport: Transport,
  locators: readonly Locator[],
  context: CallContext,
  readOne: (locator: Locator) => Promise<SecretRecord>,
): Promise<readonly Outcome[]> {
  throwIfEnded(context);
  const outcomes: Outcome[] = new Array(locators.length);
  const single = async (index: number) => {
    try {
      outcomes[index] = await readOne(locators[index] as Locator);
    } catch (error) {
      if (!isSecretsError(error)) throw error;
      outcomes[index] = error;
    }
  };
  const indexes = locators.map((_locator, index) => index);
  const isCurrent = (index: number) => locators[index]?.version === undefined && locators[index]?.stage === undefined;
  const batch = async (chunk: readonly number[]) => {
    const paths = chunk.map((index) => (locators[index] as Locator).path);
    try {
      const answer = await transport.call<BatchAnswer>("BatchGetSecretValue", { SecretIdList: paths }, context);
      chunk.forEach((index, position) => {
        outcomes[index] = outcomeIn(answer, paths[position] as string);
      });
    } catch (error) {
      if (!isSecretsError(error, "permission-denied", "rate-limited", "invalid-argument")) throw error;
      await Promise.all(chunk.map(single));
    }
  };
  const current = indexes.filter(isCurrent);
  const chunks = Array.from({ length: Math.ceil(current.length / mostPerBatch) }, (_chunk, turn) =>
    current.slice(turn * mostPerBatch, (turn + 1) * mostPerBatch),
  );
  const others = indexes.filter((index) => !isCurrent(index));
  await Promise.all([
    ...chunks.map((chunk) => (chunk.length === 1 ? single(chunk[0] as number) : batch(chunk))),
    ...others.map(single),
  ]);
  return outcomes;
}
