import type { Rotator } from "@keyhold/core";

/**
 * A rotator of your own: `create` makes the new value, `set` has it accepted, `test` proves it, `finish` clears up after the old one,
 * which is `step.current`. Every step but `create` may run more than once for one rotation.
 *
 * @example
 * const apiKey = custom({
 *   create: async ({ rotationId, signal }) => vendor.createKey({ idempotencyKey: rotationId, signal }),
 *   test: (pending) => vendor.ping(pending.text()),
 *   finish: (_pending, { current }) => vendor.deleteKey(current.text()),
 * });
 */
export function custom(steps: Omit<Rotator, "kind"> & { readonly kind?: string }): Rotator {
  return { ...steps, kind: steps.kind ?? "custom" };
}
