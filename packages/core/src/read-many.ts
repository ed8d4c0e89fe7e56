import type { ConcurrencyLimit } from "./concurrency-limit.ts";
import { type ErrorCode, isSecretsError, SecretsError } from "./errors.ts";
import type { CallContext, Locator, Provider, SecretRecord } from "./provider.ts";

/** What one read came to. A failure is a value, so that one of many does not hide the others. */
export type Outcome = SecretRecord | SecretsError;

/**
 * A layer between the client and a driver. Layers such as batching, retry and a circuit breaker each take the next one:
 * `(next: ReadMany) => ReadMany`.
 */
export type ReadMany = (locators: readonly Locator[], context: CallContext) => Promise<readonly Outcome[]>;

/** What a driver threw, as a `SecretsError`: anything else is a defect of the driver, whose words may hold a value. */
export function driverError(error: unknown, kind: string): SecretsError {
  if (error instanceof SecretsError) return error;
  if (isSecretsError(error)) return new SecretsError(error.code, error.message, error);
  const name = error instanceof Error ? error.constructor.name : typeof error;
  return new SecretsError("unknown", `the ${kind} provider threw a ${name}`, {
    hint: "This is a defect of the provider: a driver throws SecretsError only. Its own words are withheld, as they may hold a value.",
  });
}

function checked(record: SecretRecord, kind: string): Outcome {
  if (typeof record?.version === "string" && typeof record.content === "object" && record.content !== null) return record;
  return new SecretsError("unknown", `the ${kind} provider gave no record`, {
    hint: "This is a defect of the provider: read gives { content, version } or throws not-found.",
  });
}

/** What the driver gives, or the signal's reason as soon as there is one: a driver may ignore its signal. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}

/** How long a backend that refused a batch as a whole is read one by one: a permission seldom comes, a quota soon. */
const singlyForMs: { readonly [Code in ErrorCode]?: number } = {
  "permission-denied": 600_000,
  unsupported: 600_000,
  "rate-limited": 60_000,
};

export interface ReadFromOptions {
  /** Whether `readMany` is used where there is one. */
  readonly batch?: boolean;
  readonly onCall?: () => void;
}

/**
 * The innermost layer: the driver's own calls, so many at once at the most, and one for all where it has `readMany` that may be used.
 * Never rejects, and always ends with the signal.
 */
export function readFrom(
  provider: Provider,
  limit: ConcurrencyLimit,
  { batch = true, onCall = () => {} }: ReadFromOptions = {},
): ReadMany {
  const { kind } = provider;
  let singlyUntil = batch && provider.readMany !== undefined ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const call = <T>(context: CallContext, work: () => Promise<T>): Promise<T> =>
    limit.run(context.signal, async () => {
      context.signal.throwIfAborted();
      onCall();
      return untilAborted(work(), context.signal);
    });
  const one = async (locator: Locator, context: CallContext): Promise<Outcome> => {
    try {
      return checked(await call(context, async () => provider.read(locator, context)), kind);
    } catch (error) {
      return driverError(error, kind);
    }
  };
  return async (locators, context) => {
    const singly = () => Promise.all(locators.map((locator) => one(locator, context)));
    if (locators.length === 1 || context.clock.monotonic() < singlyUntil) return singly();
    try {
      const outcomes = await call(context, async () => provider.readMany!(locators, context));
      if (outcomes.length !== locators.length)
        throw new SecretsError("unknown", `the ${kind} provider answered for too few or too many`);
      return outcomes.map((outcome) => (isSecretsError(outcome) ? driverError(outcome, kind) : checked(outcome, kind)));
    } catch (error) {
      const shared = driverError(error, kind);
      const forMs = singlyForMs[shared.code];
      if (forMs === undefined) return locators.map(() => shared);
      singlyUntil = context.clock.monotonic() + forMs;
      return singly();
    }
  };
}
