import type { Secrets } from "@keyhold/core";
import type { Plan } from "./plan.ts";

/** A client that leases secrets says when the one it holds lapses. */
interface LeasingSecrets {
  /** Milliseconds since 1970; undefined when nothing is held, or it is not leased. */
  lapsesAt?(reference: string): number | undefined;
}

/** When the held lease of a secret ends, in milliseconds since 1970. Undefined where there is none. */
export function lapsesAt(secrets: Secrets, whole: string): number | undefined {
  return (secrets as Secrets & LeasingSecrets).lapsesAt?.(whole);
}

/** Warns where a configuration that is loaded once refers to a secret that will lapse. */
export function warnOfLeases(secrets: Secrets, plan: Plan): void {
  const leased = plan.wholes.filter((whole) => lapsesAt(secrets, whole) !== undefined);
  if (leased.length === 0) return;
  process.emitWarning(`loadConfig got secrets that lapse: ${leased.join(", ")}`, {
    type: "KeyholdWarning",
    code: "KEYHOLD_LEASED_REFERENCE",
    detail: "Use watchConfig, which keeps the lease and swaps the configuration when the secret is replaced.",
  });
}
