import type { Secrets } from "@keyhold/core";
import type { Plan } from "./plan.ts";

/** Warns where a configuration that is loaded once refers to a secret that will lapse. */
export function warnOfLeases(secrets: Secrets, plan: Plan): void {
  const leased = plan.wholes.filter((whole) => secrets.lapsesAt(whole) !== undefined);
  if (leased.length === 0) return;
  process.emitWarning(`loadConfig got secrets that lapse: ${leased.join(", ")}`, {
    type: "KeyholdWarning",
    code: "KEYHOLD_LEASED_REFERENCE",
    detail: "Use watchConfig, which keeps the lease and swaps the configuration when the secret is replaced.",
  });
}
