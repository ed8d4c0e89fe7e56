import type { ForcedReads } from "./forced-reads.ts";
import { isAuthenticationError } from "./is-authentication-error.ts";
import type { PendingValues } from "./pending-values.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./secret.ts";
import type { CallOptions, UseOptions } from "./secrets.ts";
import type { Target } from "./target.ts";

export interface UseEnvironment {
  readonly reader: Reader;
  readonly forced: ForcedReads;
  readonly pending: PendingValues;
  /** Drops what is held for a target, and what is on its way. */
  drop(target: Target): void;
}

/** The value that was held, a pending one that was held, a newer one, and one that is pending by now. */
const mostRuns = 4;

/** `secrets.use`: runs `fn`, and again with a newer secret, or with a pending one, where the backend refused what it had. */
export async function useSecret<T>(
  environment: UseEnvironment,
  target: Target,
  fn: (secret: Secret) => T | Promise<T>,
  { isAuthError = isAuthenticationError, signal, deadlineMs }: UseOptions,
): Promise<T> {
  const options = { signal, deadlineMs };
  const attempt: Attempt = { refused: [], hasRead: false };
  let secret = (await environment.reader.get(target, options)) as Secret;
  for (;;) {
    try {
      return await fn(secret);
    } catch (error) {
      if (!isAuthError(error)) throw error;
      attempt.refused.push(secret);
      const next = attempt.refused.length < mostRuns ? await another(environment, target, attempt, options) : undefined;
      if (next === undefined) throw error;
      secret = next;
    }
  }
}

interface Attempt {
  readonly refused: Secret[];
  hasRead: boolean;
}

/** A secret that was not refused yet, current or pending, or undefined. */
async function another(
  { reader, forced, pending, drop }: UseEnvironment,
  target: Target,
  attempt: Attempt,
  options: CallOptions,
): Promise<Secret | undefined> {
  const isNew = (one: Secret | undefined): one is Secret =>
    one !== undefined && !attempt.refused.some((refused) => refused.equals(one));
  const hint = pending.held(target);
  if (isNew(hint)) return hint;
  pending.drop(target);
  const held = reader.peek(target);
  if (isNew(held)) return held;
  if (!forced.isAllowed(target.key)) return undefined;
  if (!attempt.hasRead) {
    attempt.hasRead = true;
    if (held) drop(target);
    const next = (await reader.get(target, options)) as Secret;
    if (isNew(next)) return next;
  }
  const waiting = await pending.read(target);
  if (isNew(waiting)) return waiting;
  forced.gaveNothing(target.key);
  return undefined;
}
