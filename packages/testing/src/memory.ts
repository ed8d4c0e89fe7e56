import { isDeepStrictEqual } from "node:util";
import {
  type CallContext,
  type Change,
  type Content,
  type ErrorCode,
  type Lease,
  type Locator,
  type Page,
  type Provider,
  type SecretRecord,
  type SecretSummary,
  SecretsError,
  systemClock,
  type VersionSummary,
} from "@keyhold/core";
import { throwIfAborted } from "./abort-error.ts";
import { byteLength, type MemoryValue, toContent } from "./memory-value.ts";
import { createWaiters } from "./waiters.ts";

export interface MemoryOptions {
  /** What is there from the start, by path. An object becomes JSON text, or fields with `fields: true`. Default: nothing. */
  readonly secrets?: { readonly [path: string]: MemoryValue };
  /** Behave as a backend of named fields, as Vault and Kubernetes do. Default: false. */
  readonly fields?: boolean;
  /** Lease every value that is read for so many milliseconds, renewable. Default: no leases. */
  readonly leaseMs?: number;
  /** How many items a page of `list` and `versions` holds. Default: 100. */
  readonly pageSize?: number;
}

interface StoredVersion {
  readonly version: string;
  readonly content: Content;
  readonly createdAt: number;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly idempotencyKey: string | undefined;
}

/** The largest value that `memory()` takes, in bytes as UTF-8 and JSON. */
const maxBytes = 1024 * 1024;

/**
 * A whole provider in memory, for tests: versions, compare-and-set, idempotency keys, lists, watches and, on request, fields
 * and leases. Nothing is shared between two of them. Values up to 1 MiB.
 *
 * @throws SecretsError, from its methods: `not-found`, `invalid-argument` (too large, or the wrong kind of content),
 * `conflict`, `unsupported` (a stage), `aborted` or `timeout` when the signal says so, and `closed` after `close`.
 * @example
 * const secrets = createSecrets({ providers: { memory: memory({ secrets: { "db": "hunter2" } }) } });
 */
export function memory(options: MemoryOptions = {}): Provider {
  const { fields = false, leaseMs, pageSize = 100 } = options;
  // Newest last. A removed path keeps its counter, so that no version ever means two contents.
  const stored = new Map<string, StoredVersion[]>();
  const counters = new Map<string, number>();
  const leases = new Map<string, number>();
  const changed = createWaiters();
  let leaseCount = 0;
  let closed = false;

  const fail = (code: ErrorCode, message: string, hint: string) => new SecretsError(code, message, { provider: "memory", hint });

  const enter = (context: CallContext) => {
    if (closed) throw fail("closed", "this provider is closed", "Make a new one with memory().");
    throwIfAborted(context);
  };

  const newest = (path: string) => stored.get(path)?.at(-1);

  const find = (locator: Locator): StoredVersion => {
    if (locator.stage !== undefined) throw fail("unsupported", "memory has no stages", "Use version=… instead.");
    const found =
      locator.version === undefined
        ? newest(locator.path)
        : stored.get(locator.path)?.find((one) => one.version === locator.version);
    if (found === undefined)
      throw fail("not-found", "there is no such secret or version", "Write it first, or give it to memory({ secrets }).");
    return found;
  };

  const add = (
    path: string,
    content: Content,
    createdAt: number,
    labels?: Readonly<Record<string, string>>,
    idempotencyKey?: string,
  ): StoredVersion => {
    const number = (counters.get(path) ?? 0) + 1;
    counters.set(path, number);
    // Copied on the way in and out: nobody changes what is stored through bytes that they still hold.
    const entry = { version: String(number), content: structuredClone(content), createdAt, labels, idempotencyKey };
    stored.set(path, [...(stored.get(path) ?? []), entry]);
    changed.wakeAll();
    return entry;
  };

  for (const [path, value] of Object.entries(options.secrets ?? {})) add(path, toContent(value, fields), systemClock.now());

  const pageOf = <T>(items: readonly T[], cursor: string | undefined): Page<T> => {
    const start = cursor === undefined ? 0 : Number(cursor);
    if (!Number.isSafeInteger(start) || start < 0)
      throw fail("invalid-argument", "this cursor is none of memory's", "Pass on the next of the page before.");
    const end = start + pageSize;
    return { items: items.slice(start, end), ...(end < items.length ? { next: String(end) } : {}) };
  };

  const record = (entry: StoredVersion, context: CallContext): SecretRecord => {
    const { version, createdAt, labels } = entry;
    const base = { content: structuredClone(entry.content), version, createdAt, ...(labels === undefined ? {} : { labels }) };
    if (leaseMs === undefined) return base;
    const id = `lease-${++leaseCount}`;
    leases.set(id, context.clock.monotonic() + leaseMs);
    return { ...base, lease: { id, durationMs: leaseMs, renewable: true } };
  };

  const heldLease = (lease: Lease, context: CallContext) => {
    const expiresAt = leases.get(lease.id);
    if (expiresAt === undefined || expiresAt <= context.clock.monotonic())
      throw fail("not-found", "this lease is over", "Read the secret again.");
  };

  const leaseMethods: Pick<Provider, "renew" | "revoke"> = {
    async renew(lease, context) {
      enter(context);
      heldLease(lease, context);
      leases.set(lease.id, context.clock.monotonic() + (leaseMs ?? 0));
      return { ...lease, durationMs: leaseMs ?? 0 };
    },
    async revoke(lease, context) {
      enter(context);
      heldLease(lease, context);
      leases.delete(lease.id);
    },
  };

  return {
    kind: "memory",
    features: { versions: true, stages: false, binary: true, leases: leaseMs !== undefined, fields, compareAndSet: true },

    async read(locator, context) {
      enter(context);
      return record(find(locator), context);
    },

    async readMany(locators, context) {
      enter(context);
      return locators.map((locator) => {
        try {
          return record(find(locator), context);
        } catch (error) {
          return error as SecretsError;
        }
      });
    },

    async probe(locator, context) {
      enter(context);
      return { version: find(locator).version };
    },

    async write(locator, content, { ifVersion, idempotencyKey, labels }, context) {
      enter(context);
      if ((content.kind === "fields") !== fields) {
        throw fail(
          "invalid-argument",
          "this is the wrong kind of value",
          fields ? "Give an object of fields." : "Give a string or bytes.",
        );
      }
      if (byteLength(content) > maxBytes)
        throw fail("invalid-argument", `the value is larger than ${maxBytes} bytes`, "Store less, or a reference to it.");
      const sent = idempotencyKey && stored.get(locator.path)?.find((one) => one.idempotencyKey === idempotencyKey);
      if (sent) {
        if (isDeepStrictEqual(sent.content, content)) return { version: sent.version };
        throw fail("conflict", "this idempotency key was used for another value", "Take a new key for a new value.");
      }
      if (ifVersion !== undefined && ifVersion !== (newest(locator.path)?.version ?? null)) {
        throw fail("conflict", "the secret is at another version", "Read it again and decide anew.");
      }
      return { version: add(locator.path, content, context.clock.now(), labels, idempotencyKey).version };
    },

    async remove(locator, { ifVersion }, context) {
      enter(context);
      const found = find(locator);
      if (ifVersion !== undefined && ifVersion !== newest(locator.path)?.version) {
        throw fail("conflict", "the secret is at another version", "Read it again and decide anew.");
      }
      const left = locator.version === undefined ? [] : (stored.get(locator.path) ?? []).filter((one) => one !== found);
      if (left.length > 0) stored.set(locator.path, left);
      else stored.delete(locator.path);
      changed.wakeAll();
    },

    async list({ prefix, cursor }, context) {
      enter(context);
      const summaries: SecretSummary[] = [];
      for (const path of [...stored.keys()].filter((one) => one.startsWith(prefix)).sort()) {
        const versions = stored.get(path) ?? [];
        const last = versions.at(-1);
        if (last === undefined) continue;
        summaries.push({
          path,
          version: last.version,
          createdAt: versions[0]?.createdAt ?? last.createdAt,
          updatedAt: last.createdAt,
          ...(last.labels === undefined ? {} : { labels: last.labels }),
        });
      }
      return pageOf(summaries, cursor);
    },

    async versions(path, { cursor }, context) {
      enter(context);
      find({ path });
      const summaries = (stored.get(path) ?? []).map(
        ({ version, createdAt }): VersionSummary => ({ version, state: "enabled", createdAt }),
      );
      return pageOf(summaries.reverse(), cursor);
    },

    async *watch(locator, { signal }): AsyncIterable<Change> {
      let told: string | undefined | null = null;
      while (!signal.aborted && !closed) {
        const version = newest(locator.path)?.version;
        if (version === told) {
          await changed.wait(signal);
        } else {
          told = version;
          yield { version };
        }
      }
    },

    ...(leaseMs === undefined ? {} : leaseMethods),

    async check(context) {
      enter(context);
      return { principal: "memory", serverTimeAt: context.clock.now() };
    },

    async close() {
      closed = true;
      stored.clear();
      changed.wakeAll();
    },
  };
}
