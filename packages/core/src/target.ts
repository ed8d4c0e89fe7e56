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

export function targetOf(reference: Reference): Target {
  const { provider, path, version, stage, field } = reference;
  const locator: Locator = { path, ...(version === undefined ? {} : { version }), ...(stage === undefined ? {} : { stage }) };
  return {
    provider,
    locator,
    field,
    reference: formatReference(reference),
    key: formatReference({ provider, ...locator }),
    pathKey: formatReference({ provider, path }),
  };
}
