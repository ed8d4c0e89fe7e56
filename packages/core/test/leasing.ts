import { type Clock, type Lease, type Locator, type Provider, SecretsError } from "@keyhold/core";

export interface LeasingOptions {
  readonly durationMs?: number;
  /** No lease lasts longer than that, however often it is renewed. */
  readonly maxMs?: number;
  readonly renewable?: boolean;
  /** Whether it has `renew` at all. */
  readonly renews?: boolean;
}

interface Given {
  readonly id: string;
  readonly path: string;
  readonly madeAt: number;
  endsAt: number;
}

/** A backend that lends a new user with each read, as Vault's database engine does. It counts, and can be told to fail. */
export interface Leasing extends Provider {
  issued: number;
  renewals: number;
  /** When each call came, on the monotonic clock. */
  readonly calls: { readonly what: "read" | "renew" | "revoke"; readonly id: string; readonly at: number }[];
  /** Before each call; what it throws is the answer. */
  before: ((what: "read" | "renew" | "revoke", id: string) => void | Promise<void>) | undefined;
  /** What renewals grant, instead of the usual. */
  grant: ((given: { readonly id: string }) => number) | undefined;
  /** How long a new lease lasts, and at most. */
  durationMs: number;
  /** For how long, at least, a lease that another replaced went on. */
  leastOverlapMs: number;
  live(): readonly Given[];
  works(version: string | undefined): boolean;
  /** Ends a lease without a word. */
  kill(id: string | undefined): void;
}

export function leasing({
  clock,
  durationMs = 60_000,
  maxMs = Number.POSITIVE_INFINITY,
  renewable = true,
  renews = true,
}: LeasingOptions & { readonly clock: Clock }): Leasing {
  const given = new Map<string, Given>();
  const now = () => clock.monotonic();
  const isLive = (one: Given | undefined): one is Given => one !== undefined && now() < one.endsAt;
  const called = async (what: "read" | "renew" | "revoke", id: string) => {
    provider.calls.push({ what, id, at: now() });
    await provider.before?.(what, id);
  };
  const known = (id: string): Given => {
    const one = given.get(id);
    if (!isLive(one)) throw new SecretsError("not-found", "there is no such lease any more");
    return one;
  };
  const provider: Leasing = {
    kind: "leasing",
    features: { versions: false, stages: false, binary: false, leases: true, fields: true },
    issued: 0,
    renewals: 0,
    calls: [],
    before: undefined,
    grant: undefined,
    durationMs,
    leastOverlapMs: Number.POSITIVE_INFINITY,
    live: () => [...given.values()].filter(isLive),
    works: (version) => version !== undefined && isLive(given.get(version)),
    kill: (id) => void given.delete(id ?? ""),
    async read({ path }: Locator) {
      await called("read", path);
      provider.issued += 1;
      const number = provider.issued;
      const id = `lease-${number}`;
      given.set(id, { id, path, madeAt: now(), endsAt: now() + provider.durationMs });
      const fields = { user: `user-${number}`, password: `password-${number}` };
      return { content: { kind: "fields", fields }, version: id, lease: { id, durationMs: provider.durationMs, renewable } };
    },
    async renew(lease: Lease) {
      await called("renew", lease.id);
      const one = known(lease.id);
      provider.renewals += 1;
      const wantedMs = provider.grant?.(one) ?? provider.durationMs;
      one.endsAt = Math.min(now() + wantedMs, one.madeAt + maxMs);
      return { id: one.id, durationMs: one.endsAt - now(), renewable };
    },
    async revoke(lease: Lease) {
      await called("revoke", lease.id);
      const one = known(lease.id);
      const next = [...given.values()].find(({ path, madeAt }) => path === one.path && madeAt > one.madeAt);
      if (next !== undefined) provider.leastOverlapMs = Math.min(provider.leastOverlapMs, now() - next.madeAt);
      given.delete(lease.id);
    },
  };
  if (!renews) delete (provider as { renew?: unknown }).renew;
  return provider;
}
