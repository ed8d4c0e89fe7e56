import {
  type CallContext,
  type ErrorCode,
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

/** How long values are read one by one after a batch was refused as a whole: a permission seldom comes, a quota soon. */
const singlyForMs: { readonly [Code in ErrorCode]?: number } = { "permission-denied": 600_000, "rate-limited": 60_000 };

/** So that one program does not use up the hundred batches a second of its account. */
const batchesAtOnce = 5;
const singlesAtOnce = 32;

/** Does `work` for each item, so many at a time. */
async function each<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const worker = async () => {
    for (const item of waiting) await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
}

type ReadBatch = (
  locators: readonly Locator[],
  context: CallContext,
  readOne: (locator: Locator) => Promise<SecretRecord>,
) => Promise<readonly Outcome[]>;

/**
 * Reads many current values by BatchGetSecretValue, twenty a call, some calls at once. Versions and stages, which it cannot take, and
 * all of a batch that was denied or throttled as a whole, are left to `readOne`: a batch needs a permission of its own and has a
 * hundredth of the quota. So are the batches of the next minutes then.
 */
export function batchReader(transport: Transport): ReadBatch {
  let singlyUntil = Number.NEGATIVE_INFINITY;
  return async (locators, context, readOne) => {
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
    const isLeft = () => context.clock.monotonic() < singlyUntil;
    const leftOver: number[] = [];
    const batch = async (chunk: readonly number[]) => {
      if (chunk.length === 1 || isLeft()) {
        leftOver.push(...chunk);
        return;
      }
      const paths = chunk.map((index) => (locators[index] as Locator).path);
      try {
        const answer = await transport.call<BatchAnswer>("BatchGetSecretValue", { SecretIdList: paths }, context);
        chunk.forEach((index, position) => {
          outcomes[index] = outcomeIn(answer, paths[position] as string);
        });
      } catch (error) {
        if (!isSecretsError(error, "permission-denied", "rate-limited", "invalid-argument")) throw error;
        // What is wrong with one name is no reason to read others one by one.
        const forMs = singlyForMs[error.code] ?? 0;
        singlyUntil = Math.max(singlyUntil, context.clock.monotonic() + forMs);
        leftOver.push(...chunk);
      }
    };
    const isCurrent = (index: number) => locators[index]?.version === undefined && locators[index]?.stage === undefined;
    const current = [...locators.keys()].filter(isCurrent);
    const chunks = Array.from({ length: Math.ceil(current.length / mostPerBatch) }, (_chunk, turn) =>
      current.slice(turn * mostPerBatch, (turn + 1) * mostPerBatch),
    );
    const others = [...locators.keys()].filter((index) => !isCurrent(index));
    await Promise.all([each(chunks, batchesAtOnce, batch), each(others, singlesAtOnce, single)]);
    await each(leftOver, singlesAtOnce, single);
    return outcomes;
  };
}
