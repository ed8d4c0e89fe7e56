import type { Receipt } from "./webhook-delivery.ts";

/** More than one client has use for in a day. The oldest goes first. */
const most = 50_000;

/** Remembers what was accepted for as long as the proof of its sender counts. */
export class AcceptedOnce {
  readonly #until = new Map<string, number>();
  readonly #underWay = new Set<string>();

  /** Whether this is the first of its kind. Then `accepted` or `failed` has to follow. */
  begin({ id }: Receipt, now: number): boolean {
    const until = this.#until.get(id);
    if (this.#underWay.has(id) || (until !== undefined && now < until)) return false;
    this.#underWay.add(id);
    return true;
  }

  accepted({ id, untilAt }: Receipt, now: number): void {
    this.#underWay.delete(id);
    // What ended longest ago is likely to have been put in first.
    for (const [old, until] of this.#until) {
      if (until > now && this.#until.size < most) break;
      this.#until.delete(old);
    }
    this.#until.delete(id);
    this.#until.set(id, untilAt);
  }

  /** It may come again. */
  failed({ id }: Receipt): void {
    this.#underWay.delete(id);
  }
}
