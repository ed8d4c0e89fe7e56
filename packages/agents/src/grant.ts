import { SecretsError } from "@keyhold/core";
import { untilAborted } from "./call-ending.ts";
import type { EgressUse, GrantHolder } from "./egress-event.ts";
import type { GrantedFetch } from "./secret-fetch.ts";

export interface GrantOptions extends GrantHolder {
  /** What may be used under it. Each is named by a rule. */
  readonly references: readonly string[];
  /** How many requests may carry a value. Default: any number. */
  readonly uses?: number;
  /** No use after this, in milliseconds since 1970 or as a `Date`. Default: no end. */
  readonly until?: number | Date;
  /** Asked before each use; anything but `true`, and a failure, refuses it. A refused use does not count. */
  readonly approve?: (use: EgressUse) => boolean | Promise<boolean>;
}

/** What one run of an agent, or one of its tools, may use. */
export interface Grant {
  /** A fetch, and placeholders, that work under this grant alone. */
  readonly fetch: GrantedFetch;
  /** How many uses are left; `Infinity` where they are not counted. */
  readonly usesLeft: number;
  /** Ends the grant at once, also for calls and answers under way. Idempotent. */
  revoke(): void;
  [Symbol.dispose](): void;
}

/** What a grant allows, as the calls under it see it. */
export interface GrantState {
  readonly holder: GrantHolder;
  /** Aborted when it is revoked. */
  readonly signal: AbortSignal;
  readonly usesLeft: number;
  /** Counts a use, and asks for approval. @throws SecretsError `permission-denied`. */
  admit(uses: readonly EgressUse[], signal: AbortSignal): Promise<void>;
  revoke(): void;
}

const denied = (what: string, hint: string): SecretsError => new SecretsError("permission-denied", what, { hint });

/** @throws SecretsError `invalid-argument` for a number of uses or a time that is none. */
export function createGrantState(options: Omit<GrantOptions, "references">): GrantState {
  const { run, agent, tool, uses = Number.POSITIVE_INFINITY, until = Number.POSITIVE_INFINITY, approve } = options;
  const endsAt = Number(until);
  if (!(uses === Number.POSITIVE_INFINITY || (Number.isInteger(uses) && uses >= 0)) || Number.isNaN(endsAt)) {
    throw new SecretsError("invalid-argument", "uses is a whole number, and until a time in milliseconds or a Date");
  }
  const revocation = new AbortController();
  let usesLeft = uses;
  const checkTime = () => {
    revocation.signal.throwIfAborted();
    if (Date.now() >= endsAt) throw denied("the grant has ended", "Make a new one for this run.");
  };
  const checkApproval = async (all: readonly EgressUse[], signal: AbortSignal) => {
    for (const use of all) {
      const asked = (async () => approve?.(use))().catch(() => false);
      if (approve && (await untilAborted(asked, signal)) !== true)
        throw denied("this use was not approved", "approve said no, or failed.");
    }
  };
  return {
    holder: Object.fromEntries(Object.entries({ run, agent, tool }).filter(([, name]) => name !== undefined)),
    signal: revocation.signal,
    get usesLeft() {
      return usesLeft;
    },
    async admit(all, signal) {
      checkTime();
      // Counted before anything is waited for, so that uses at the same time cannot share the last one.
      if (usesLeft < 1) throw denied("the grant is used up", "Make a new one for this run.");
      usesLeft -= 1;
      try {
        await checkApproval(all, signal);
        checkTime();
      } catch (error) {
        usesLeft += 1;
        throw error;
      }
    },
    revoke: () => revocation.abort(denied("the grant was revoked", "Make a new one if it should go on.")),
  };
}
