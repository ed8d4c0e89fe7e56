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

/** Who a token stands for, by its claims: a user's name or an application's id, and the object that roles are given to. */
export function principalOf(token: string): string | undefined {
  let claims: Readonly<Record<string, unknown>>;
  try {
    claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  } catch {
    return undefined;
  }
  const claim = (name: string) => {
    const value = claims?.[name];
    return typeof value === "string" && /^[\w.@+-]{1,128}$/.test(value) ? value : undefined;
  };
  const name = claim("upn") ?? claim("appid") ?? claim("azp");
  const object = claim("oid");
  return object === undefined ? name : `${name ?? "unnamed"} (object ${object})`;
}
