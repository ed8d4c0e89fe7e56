import { type Clock, renewAfterMs } from "@keyhold/core";
import type { IssuedToken } from "./auth.ts";

/** The token in use, and how long it lives by both clocks: one of them may stand still or jump. */
export interface HeldToken {
  readonly token: string | undefined;
  /** Past two thirds of its life it is renewed, or replaced. On the monotonic clock. */
  dueAt: number;
  renewable: boolean;
  monotonicEndAt: number;
  wallEndAt: number;
}

export function extend(held: HeldToken, ttlMs: number, clock: Clock): void {
  held.dueAt = clock.monotonic() + renewAfterMs(ttlMs);
  held.monotonicEndAt = clock.monotonic() + ttlMs;
  held.wallEndAt = clock.now() + ttlMs;
}

export function holdToken({ token, ttlMs = Number.POSITIVE_INFINITY, renewable }: IssuedToken, clock: Clock): HeldToken {
  const held: HeldToken = { token, renewable, dueAt: 0, monotonicEndAt: 0, wallEndAt: 0 };
  extend(held, ttlMs, clock);
  return held;
}

/** Milliseconds that the token still lives; 0 or less: it has ended. */
export function leftMs({ monotonicEndAt, wallEndAt }: HeldToken, clock: Clock): number {
  return Math.min(monotonicEndAt - clock.monotonic(), wallEndAt - clock.now());
}
