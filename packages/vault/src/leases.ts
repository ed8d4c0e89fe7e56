import { type CallContext, type Clock, isSecretsError, type Lease } from "@keyhold/core";
import { type HeldToken, leftMs } from "./held-token.ts";
import type { Session } from "./session.ts";
import type { VaultAnswer } from "./transport.ts";
import { unexpectedAnswer, vaultError } from "./vault-error.ts";

/** The leases of Vault's answers. */
export interface Leases {
  /** The lease in an answer, or undefined where there is none. */
  of(answer: VaultAnswer, token: HeldToken, clock: Clock): Lease | undefined;
  renew(lease: Lease, context: CallContext): Promise<Lease>;
  revoke(lease: Lease, context: CallContext): Promise<void>;
}

/**
 * A lease ends with the token that it was made with, whatever Vault says of its own duration. So each is told to last as long as that
 * token at the most; what is renewed in time lasts longer each time, as the token does.
 * https://developer.hashicorp.com/vault/docs/concepts/lease
 */
export function createLeases(session: Session): Leases {
  const tokens = new Map<string, { readonly token: HeldToken; endsAt: number }>();

  function told(body: VaultAnswer["body"], token: HeldToken | undefined, clock: Clock): Lease | undefined {
    const { lease_id: id, lease_duration: seconds, renewable } = body ?? {};
    // A duration of 0 is Vault's word for no lease; version 1 of the key-value store gives one without an id, as advice.
    if (typeof id !== "string" || id === "" || typeof seconds !== "number" || seconds <= 0) return undefined;
    const tokenMs = token === undefined ? Number.POSITIVE_INFINITY : Math.max(0, leftMs(token, clock));
    return { id, durationMs: Math.min(seconds * 1000, tokenMs), renewable: renewable === true };
  }

  function keep({ id, durationMs }: Lease, token: HeldToken, clock: Clock): void {
    const now = clock.monotonic();
    for (const [other, { endsAt }] of tokens) if (endsAt < now) tokens.delete(other);
    if (leftMs(token, clock) !== Number.POSITIVE_INFINITY) tokens.set(id, { token, endsAt: now + durationMs });
  }

  return {
    of(answer, token, clock) {
      const lease = told(answer.body, token, clock);
      if (lease !== undefined) keep(lease, token, clock);
      return lease;
    },
    async renew({ id }, context) {
      const { body } = await session.call("PUT", "sys/leases/renew", { body: { lease_id: id } }, context);
      const made = tokens.get(id);
      const lease = told(body, made?.token, context.clock);
      if (lease === undefined) throw unexpectedAnswer("lease");
      if (made !== undefined) made.endsAt = context.clock.monotonic() + lease.durationMs;
      return lease;
    },
    async revoke({ id }, context) {
      // Done when it answers, and not some time later.
      const { answer } = await session.send("PUT", "sys/leases/revoke", { body: { lease_id: id, sync: true } }, context);
      const error = answer.status >= 300 ? vaultError(answer, context.clock) : undefined;
      if (error !== undefined && !isSecretsError(error, "not-found")) throw error;
      tokens.delete(id);
    },
  };
}
