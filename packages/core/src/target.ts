import type { Locator } from "./provider.ts";
import { formatReference, type Reference } from "./reference.ts";

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
}

/** `text` is what `parsed` was parsed from. Where it is what would be written, it serves itself: it is there already. */
export function targetOf(parsed: Reference, text: string): Target {
  const { provider, path, version, stage, field } = parsed;
  const locator: Locator = version === undefined ? (stage === undefined ? { path } : { path, stage }) : { path, version };
  const written = (reference: Reference) => {
    const formatted = formatReference(reference);
    return formatted === text ? text : formatted;
  };
  const pathKey = written({ provider, path });
  const key = version === undefined && stage === undefined ? pathKey : written({ provider, ...locator });
  const reference = field === undefined ? key : written(parsed);
  return { provider, locator, field, reference, key, pathKey };
}
