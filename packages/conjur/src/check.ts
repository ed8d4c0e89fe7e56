import type { CallContext, CheckReport } from "@keyhold/core";
import { segment } from "./auth.ts";
import { notConjur } from "./conjur-error.ts";
import type { Transport } from "./transport.ts";

/** Who Conjur says we are. */
export interface ConjurIdentity {
  readonly account: string;
  /** `host/app/web` for a host, `alice` for a user. */
  readonly login: string;
  /** The address that Conjur sees, which its IP restrictions count by. */
  readonly clientIp?: string;
}

interface Whoami {
  readonly account?: unknown;
  readonly username?: unknown;
  readonly client_ip?: unknown;
}

async function ask(transport: Transport, context: CallContext): Promise<ConjurIdentity & { readonly serverTimeAt: number }> {
  const response = await transport.send("whoami", { path: "/whoami" }, context);
  const { account, username, client_ip: clientIp } = (response.json() ?? {}) as Whoami;
  if (typeof account !== "string" || typeof username !== "string") throw notConjur("Conjur's answer does not say who we are");
  const serverTimeAt = Date.parse(response.header("date") ?? "");
  return { account, login: username, ...(typeof clientIp === "string" ? { clientIp } : {}), serverTimeAt };
}

export async function whoami(transport: Transport, context: CallContext): Promise<ConjurIdentity> {
  const { serverTimeAt: _time, ...identity } = await ask(transport, context);
  return identity;
}

/** Who we are, the server's clock and certificate, and how many variables we see. */
export async function check(transport: Transport, context: CallContext): Promise<CheckReport> {
  const { account, login, clientIp, serverTimeAt } = await ask(transport, context);
  const path = `/resources/${segment(transport.account)}/variable`;
  const answer = (await transport.send("list", { path, query: { count: true } }, context)).json();
  const count = Number((answer as { readonly count?: unknown } | null)?.count);
  const certificateExpiresAt = transport.certificateExpiresAt();
  return {
    principal: `${login} of account ${account}`,
    ...(Number.isNaN(serverTimeAt) ? {} : { serverTimeAt }),
    ...(certificateExpiresAt === undefined ? {} : { certificateExpiresAt }),
    notes: [
      ...(Number.isNaN(count) ? [] : [`sees ${count} ${count === 1 ? "variable" : "variables"}`]),
      ...(clientIp === undefined ? [] : [`Conjur sees the address ${clientIp}`]),
    ],
  };
}
