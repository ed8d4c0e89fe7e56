import { isSecretsError } from "@keyhold/core";

const pause = { firstMs: 500, mostMs: 5_000 };

/**
 * How long to wait before what failed is tried once more, in milliseconds, or undefined where that is of no use. Anything from what the
 * backend asked for to a bound that doubles each turn, so that copies which were throttled together do not come back together.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryPauseMs(error: unknown, turn: number): number | undefined {
  if (!isSecretsError(error) || !error.retryable) return undefined;
  const askedMs = Math.max(...(error.errors ?? [error]).map(({ retryAfterMs = 0 }) => retryAfterMs));
  return askedMs + Math.random() * Math.min(pause.mostMs, pause.firstMs * 2 ** turn);
}
