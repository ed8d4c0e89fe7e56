import type { CallContext, CheckReport } from "@keyhold/core";
import type { ListAnswer, Transport } from "./transport.ts";

/** Asks for the shortest list. It tells that the service answers and accepts us; who we are only STS tells. */
export async function check(transport: Transport, context: CallContext): Promise<CheckReport> {
  await transport.call<ListAnswer>("ListSecrets", { MaxResults: 1 }, context);
  return { notes: ["secretsmanager:ListSecrets is allowed"] };
}
