import type { CallContext, Clock } from "@keyhold/core";
import type { HttpResponse } from "@keyhold/http";
import { notConjur } from "./conjur-error.ts";
import { sharedCall } from "./shared-call.ts";

/** The access token of one provider: one sign-in for any number of callers, renewed before it expires. */
export interface AccessTokens {
  /** The `Authorization` header to send now. */
  header(context: CallContext): Promise<string>;
  /** This header was refused: the next one comes from a new sign-in. */
  drop(header: string): void;
}

interface Held {
  readonly header: string;
  readonly lifetimeMs: number;
  readonly issuedAt: number;
  readonly issuedAtMonotonic: number;
}

/** What Conjur gives a token: for one whose payload does not tell. */
const usualLifetimeMs = 8 * 60_000;

/** How long a renewal may take that nobody waits for. */
const renewalMs = 10_000;

const notToken = () => notConjur("Conjur's answer to the sign-in is no access token");

/**
 * How long a token lives, by its own two times: the difference does not depend on this machine's clock.
 * https://github.com/cyberark/slosilo
 */
function lifetimeOf(token: unknown): number {
  const { protected: header, payload, signature } = (token ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof header !== "string" || typeof payload !== "string" || typeof signature !== "string") throw notToken();
  let claims: { readonly iat?: unknown; readonly exp?: unknown } | null;
  try {
    claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as typeof claims;
  } catch {
    throw notToken();
  }
  const { iat, exp } = claims ?? {};
  if (typeof exp !== "number" || typeof iat !== "number") return usualLifetimeMs;
  return (exp - iat) * 1000;
}

/** By both clocks, as functions freeze and wall clocks jump. */
function leftMs({ lifetimeMs, issuedAt, issuedAtMonotonic }: Held, clock: Clock): number {
  return lifetimeMs - Math.max(clock.now() - issuedAt, clock.monotonic() - issuedAtMonotonic);
}

export function accessTokens(signIn: (context: CallContext) => Promise<HttpResponse>): AccessTokens {
  let held: Held | undefined;

  const renew = sharedCall(async (context) => {
    const { clock } = context;
    const issued = { issuedAt: clock.now(), issuedAtMonotonic: clock.monotonic() };
    const response = await signIn(context);
    const lifetimeMs = lifetimeOf(response.json());
    held = { header: `Token token="${Buffer.from(response.bytes()).toString("base64")}"`, lifetimeMs, ...issued };
    return held;
  });

  return {
    async header(context) {
      const { clock } = context;
      const left = held === undefined ? 0 : leftMs(held, clock);
      if (held === undefined || left <= 0) return (await renew(context)).header;
      if (left < held.lifetimeMs / 4) {
        // In its last quarter a token still serves, so nobody waits, and a sign-in that fails is tried again by the next call.
        const signal = new AbortController().signal;
        renew({ signal, clock, deadlineAt: clock.monotonic() + renewalMs }).catch(() => {});
      }
      return held.header;
    },
    drop(header) {
      if (held?.header === header) held = undefined;
    },
  };
}
