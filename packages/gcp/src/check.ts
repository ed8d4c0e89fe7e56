import type { CallContext, CheckReport } from "@keyhold/core";
import type { SecretsPage, Transport } from "./transport.ts";

/** Asks for the shortest list. It tells that the service answers and accepts us; who we are only the token's issuer tells. */
export async function check(transport: Transport, parent: string, context: CallContext): Promise<CheckReport> {
  await transport.call<SecretsPage>("ListSecrets", { parent, pageSize: 1 }, context);
  return { notes: [`secretmanager.secrets.list is allowed in ${parent}`] };
}
