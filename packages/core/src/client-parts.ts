import { type Clock, systemClock } from "./clock.ts";
import type { SecretsEvent, SecretsOptions } from "./create-secrets.ts";
import { DirectCalls } from "./direct-calls.ts";
import { DriverCalls } from "./driver-calls.ts";
import { Followers } from "./followers.ts";
import { ForcedReads } from "./forced-reads.ts";
import { HotTime } from "./hot-time.ts";
import { LastKnownGood } from "./last-known-good.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { Notices } from "./notices.ts";
import { cacheSettings, checkedNumber, checkedProviders } from "./options.ts";
import { PendingValues } from "./pending-values.ts";
import type { Provider } from "./provider.ts";
import { ProviderReads } from "./provider-reads.ts";
import { Reader } from "./reader.ts";
import type { Secret } from "./secret.ts";
import { SecretCache } from "./secret-cache.ts";
import { type Counters, newCounters } from "./stats.ts";
import type { Target } from "./target.ts";
import { Targets } from "./targets.ts";
import type { UseEnvironment } from "./use-secret.ts";

/** What a client is made of. */
export interface ClientParts {
  readonly clock: Clock;
  readonly deadlineMs: number;
  readonly targets: Targets;
  readonly cache: SecretCache;
  readonly leases: LeaseKeeper;
  readonly counters: Counters;
  readonly reader: Reader;
  readonly direct: DirectCalls;
  readonly followers: Followers;
  readonly notices: Notices;
  readonly uses: UseEnvironment;
  readonly lastKnownGood: LastKnownGood | undefined;
}

/** What the parts ask of the client that they belong to. */
export interface ClientHooks {
  readonly closing: AbortSignal;
  emit(event: SecretsEvent): void;
  /** Reads anew, past what is held. */
  refresh(key: string): Promise<Secret>;
  /** This client wrote under a path, whatever came of it. */
  changed(pathKey: string): void;
  /** What is held under a path is no longer sure. */
  drop(pathKey: string): void;
  /** What is under way for a path serves those who wait for it, and nobody else. */
  detach(pathKey: string): void;
}

/** Makes the parts of a client and connects them. @throws SecretsError `invalid-argument` for options out of range. */
export function clientParts(options: SecretsOptions<Readonly<Record<string, Provider>>>, hooks: ClientHooks): ClientParts {
  const { clock = systemClock, random = Math.random, retry = true, batch = true, snapshot } = options;
  const { closing, emit } = hooks;
  const settings = cacheSettings(options.cache);
  const providers = checkedProviders(options.providers);
  const concurrency = Math.floor(checkedNumber("concurrency", options.concurrency, 32, 1));
  const deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, 10_000, 1);
  const overlapMs = checkedNumber("overlapMs", options.overlapMs, 60_000, 0);
  const time = new HotTime(clock);
  const cache = new SecretCache(settings, time, random);
  const targets = new Targets();
  const counters = newCounters();
  const lastKnownGood = snapshot && new LastKnownGood(snapshot, clock, deadlineMs, emit);
  const provider = (name: string) => providers.get(name) as Provider;
  const limits = { clock, closing, deadlineMs };
  const followers: Followers = new Followers({
    ...limits,
    time,
    random,
    counters,
    overlapMs,
    provider,
    emit,
    ttlMs: (key) => cache.freshness(key).ttlMs,
    isLent: (key) => leases.has(key),
    isLeased: (secret) => leases.isLeased(secret),
    overdue: (key, secret) => leases.overdue(key, secret),
    refresh: hooks.refresh,
    drop: hooks.drop,
  });
  const notices = new Notices({ targets, drop: hooks.drop, reread: (pathKey) => followers.reread(pathKey) });
  const leases: LeaseKeeper = new LeaseKeeper({
    ...limits,
    time,
    random,
    concurrency,
    overlapMs,
    emit,
    provider,
    isFollowed: (key) => followers.has(key),
    readAnew: (target, limitMs) => reader.readAnew(target, limitMs),
  });
  const reader = new Reader({
    ...limits,
    cache,
    leases,
    counters,
    emit,
    lastKnownGood,
    provider: (name) => targets.provider(name),
  });
  const direct = new DirectCalls(new DriverCalls(clock, closing, deadlineMs), targets, hooks.changed);
  const uses: UseEnvironment = {
    reader,
    forced: new ForcedReads(clock),
    pending: new PendingValues(clock, (target) => direct.pending(target)),
    drop: ({ key, pathKey }) => {
      cache.drop(key);
      leases.drop(key);
      lastKnownGood?.erase(key);
      hooks.detach(pathKey);
    },
  };
  const onRead = (target: Target, secret: Secret) => followers.update(target.key, secret);
  const environment = {
    ...limits,
    time,
    random,
    cache,
    leases,
    counters,
    concurrency,
    retry,
    batch,
    lastKnownGood,
    emit,
    onRead,
  };
  for (const [name, named] of providers) targets.add(name, { provider: named, reads: new ProviderReads(named, environment) });
  return { clock, deadlineMs, targets, cache, leases, counters, reader, direct, followers, notices, uses, lastKnownGood };
}
