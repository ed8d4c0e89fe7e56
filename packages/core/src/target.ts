import type { Locator } from "./provider.ts";
import { formatReference, type Reference } from "./reference.ts";
import type { Secret } from "./secret.ts";
import type { Held } from "./secret-cache.ts";

/** A parsed reference as the client works with it. */
export interface Target {
  /** The provider's name in references. */
  readonly provider: string;
  readonly locator: Locator;
  readonly field: string | undefined;
  /** The reference as written by `formatReference`, for errors. */
  readonly reference: string;
  /** What is read once and held once: provider, path, version or stage. */
  readonly key: string;
  /** Everything under one path, which a write changes. */
  readonly pathKey: string;
  /** What was held for it when it was last asked for, and what gives it: the shortest way to a held value. */
  held: Held | undefined;
  secret: Secret | undefined;
  promise: Promise<Secret> | undefined;
}

export function targetOf(parsed: Reference): Target {
  const { provider, path, version, stage, field } = parsed;
  const locator: Locator = version === undefined ? (stage === undefined ? { path } : { path, stage }) : { path, version };
  const pathKey = formatReference({ provider, path });
  // One string serves for several where they are equal.
  const key = version === undefined && stage === undefined ? pathKey : formatReference({ provider, ...locator });
  const reference = field === undefined ? key : formatReference(parsed);
  return { provider, locator, field, reference, key, pathKey, held: undefined, secret: undefined, promise: undefined };
}
