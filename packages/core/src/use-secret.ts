import type { ForcedReads } from "./forced-reads.ts";
import { isAuthenticationError } from "./is-authentication-error.ts";
import type { Reader } from "./reader.ts";
import type { Secret } from "./secret.ts";
import type { CallOptions, UseOptions } from "./secrets.ts";
import type { Target } from "./target.ts";

export interface UseEnvironment {
  readonly reader: Reader;
  readonly forced: ForcedReads;
  /** Drops what is held for a target, and what is on its way. */
  drop(target: Target): void;
}

/** `secrets.use`: runs `fn`, and once more with a newer secret where the backend refused the one it had. */
export async function useSecret<T>(
  environment: UseEnvironment,
  target: Target,
  fn: (secret: Secret) => T | Promise<T>,
  { isAuthError = isAuthenticationError, signal, deadlineMs }: UseOptions,
): Promise<T> {
  const options = { signal, deadlineMs };
  const secret = (await environment.reader.get(target, options)) as Secret;
  try {
    return await fn(secret);
  } catch (error) {
    if (!isAuthError(error)) throw error;
    const newer = await readAfterRefusal(environment, target, secret, options);
    if (newer === undefined) throw error;
    return await fn(newer);
  }
}

/** A newer secret if there is one, or undefined. */
async function readAfterRefusal(
  { reader, forced, drop }: UseEnvironment,
  target: Target,
  refused: Secret,
  options: CallOptions,
): Promise<Secret | undefined> {
  const held = reader.peek(target);
  if (held && !held.equals(refused)) return held;
  if (!forced.isAllowed(target.key)) return undefined;
  if (held) drop(target);
  const next = (await reader.get(target, options)) as Secret;
  return forced.isNews(target.key, refused, next) ? next : undefined;
}
