import { type CallContext, type Clock, type Lease, type Provider, SecretsError } from "@keyhold/core";

/** A kind of lease that the backend gives for a path. */
export interface LeasePlan {
  readonly durationMs: number;
  /** No lease of it lives longer, however often it is renewed. */
  readonly maxMs: number;
  readonly renewable: boolean;
}

/** When the backend does not answer: refuses at once, or lets every call hang. */
export interface Outage {
  readonly startsAt: number;
  readonly endsAt: number;
  readonly hangs: boolean;
}

export interface Loan {
  readonly path: string;
  readonly madeAt: number;
  /** When it was granted or renewed last, and until when. */
  grantedAt: number;
  endsAt: number;
}

export interface SimulatedLender extends Provider {
  readonly calls: number;
  /** The shortest time between two calls for one path, revocations aside. */
  readonly shortestGapMs: number;
  /** The newest loan of a path. */
  newest(path: string): Loan | undefined;
}

/** A backend on a simulated clock that lends by plan, with outages; some calls are slow. */
export function simulatedLender(
  clock: Clock,
  plan: (path: string) => LeasePlan,
  outages: readonly Outage[],
  random: () => number,
): SimulatedLender {
  const loans = new Map<string, Loan>();
  const newest = new Map<string, Loan>();
  const calledAt = new Map<string, number>();
  let [calls, shortestGapMs, count] = [0, Number.POSITIVE_INFINITY, 0];
  const now = () => clock.monotonic();
  const until = (delayMs: number, { signal }: CallContext) =>
    new Promise<void>((resolve, reject) => {
      const cancel = delayMs === Number.POSITIVE_INFINITY ? () => {} : clock.setTimer(resolve, delayMs);
      const leave = () => {
        cancel();
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
    });
  const arrive = async (path: string, context: CallContext) => {
    calls += 1;
    const before = calledAt.get(path);
    if (before !== undefined) shortestGapMs = Math.min(shortestGapMs, now() - before);
    calledAt.set(path, now());
    const outage = outages.find(({ startsAt, endsAt }) => startsAt <= now() && now() < endsAt);
    if (outage?.hangs) await until(Number.POSITIVE_INFINITY, context);
    if (outage) throw new SecretsError("unavailable", "nobody listens");
    if (random() < 0.02) await until(random() * 3_000, context);
  };
  return {
    kind: "lender",
    features: { versions: false, stages: false, binary: false, leases: true },
    get calls() {
      return calls;
    },
    get shortestGapMs() {
      return shortestGapMs;
    },
    newest: (path) => newest.get(path),
    async read({ path }, context) {
      await arrive(path, context);
      count += 1;
      const { durationMs, maxMs, renewable } = plan(path);
      const id = String(count);
      const endsAt = now() + Math.min(durationMs, maxMs);
      const loan = { path, madeAt: now(), grantedAt: now(), endsAt };
      loans.set(id, loan);
      newest.set(path, loan);
      const lease = { id, durationMs: endsAt - now(), renewable };
      return { content: { kind: "opaque", value: id }, version: id, lease };
    },
    async renew({ id, renewable }: Lease, context) {
      const loan = loans.get(id);
      if (loan === undefined || loan.endsAt <= now()) throw new SecretsError("not-found", "it is over");
      await arrive(loan.path, context);
      const { durationMs, maxMs } = plan(loan.path);
      loan.grantedAt = now();
      loan.endsAt = Math.min(now() + durationMs, loan.madeAt + maxMs);
      return { id, durationMs: loan.endsAt - now(), renewable };
    },
    async revoke({ id }) {
      loans.delete(id);
    },
  };
}
