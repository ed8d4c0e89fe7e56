import { type CallContext, type CheckReport, isSecretsError } from "@keyhold/core";
import type { Transport } from "./transport.ts";

/** Asks for a page of names. To be denied that is an answer too: the vault is there and knows who asks. */
export async function check(transport: Transport, context: CallContext): Promise<CheckReport> {
  const actions = await transport.listSecrets(undefined, context).then(
    () => ["secrets/list"],
    (error) => {
      if (isSecretsError(error, "permission-denied")) return [];
      throw error;
    },
  );
  return { ...transport.session(), permissions: [{ path: "*", actions }] };
}

/** Who a token stands for, by its claims: never the token. It is not verified here; the vault did that. */
export function principalOf(token: string): string | undefined {
  let claims: Readonly<Record<string, unknown>>;
  try {
    claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  } catch {
    return undefined;
  }
  const named = (["upn", "appid", "azp", "oid"] as const).flatMap((name) => {
    const value = claims?.[name];
    return typeof value === "string" && /^[\w.@+-]{1,128}$/.test(value) ? [[name, value] as const] : [];
  });
  const parts = new Map(named.map(([name, value]) => [name === "azp" ? "appid" : name, value]));
  return parts.size === 0 ? undefined : Array.from(parts, ([name, value]) => `${name} ${value}`).join(", ");
}
