import { type CallContext, type ErrorCode, type Provider, SecretsError } from "@keyhold/core";
import { abortError, throwIfAborted } from "./abort-error.ts";
import { createRandom } from "./random.ts";

/** What happens to one call: it passes, it fails with a code, or it never answers. */
export type Fault = ErrorCode | "pass" | "hang";

/** The methods that `faulty` can spoil. */
export type FaultyMethod =
  | "read"
  | "readMany"
  | "probe"
  | "write"
  | "remove"
  | "list"
  | "versions"
  | "renew"
  | "revoke"
  | "check";

/** Shares are from 0 to 1, of all calls. The same plan and the same order of calls give the same faults. */
export interface FaultPlan {
  /** What the faults are drawn from. Default: 1. */
  readonly seed?: number;
  /** Faults for the first calls, one each, in order. After them, chance decides. */
  readonly first?: readonly Fault[];
  /** How many calls fail with each code, before they reach the backend. */
  readonly errors?: { readonly [Code in ErrorCode]?: number };
  /** How many calls never answer: they end when they are aborted, or at their deadline. */
  readonly hangs?: number;
  /** How many items of a `readMany` fail on their own, as `unavailable`, while the others succeed. */
  readonly partial?: number;
  /** How long each call takes, in milliseconds: as long, or between the two. Default: 0. */
  readonly latencyMs?: number | readonly [least: number, most: number];
  /** Which methods are spoilt. Default: all. */
  readonly methods?: readonly FaultyMethod[];
  /** How long the backend asks to wait, in the errors `rate-limited` and `unavailable`. */
  readonly retryAfterMs?: number;
}

/** A provider that fails by plan. */
export interface FaultyProvider extends Provider {
  /** What happened to each call so far, in order, also to those that passed. */
  readonly calls: readonly { readonly method: FaultyMethod; readonly fault: Fault; readonly latencyMs: number }[];
}

const spoilt: readonly FaultyMethod[] = [
  "read",
  "readMany",
  "probe",
  "write",
  "remove",
  "list",
  "versions",
  "renew",
  "revoke",
  "check",
];

/** Waits by the call's own clock, for ever with `Infinity`; an abort or the deadline ends it. */
function wait(ms: number, context: CallContext): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const abort = () => {
      cancel?.();
      reject(abortError(context));
    };
    const cancel =
      ms === Infinity
        ? undefined
        : context.clock.setTimer(() => {
            context.signal.removeEventListener("abort", abort);
            resolve();
          }, ms);
    context.signal.addEventListener("abort", abort, { once: true });
  });
}

/**
 * The same provider, spoilt by a plan: slow, failing, hanging, or with some results of a batch missing. Its `watch`,
 * `changedPaths` and `close` are left alone.
 *
 * @throws SecretsError from its methods: what the plan says, and what the provider itself throws.
 * @example
 * const flaky = faulty(memory(), { seed: 7, errors: { unavailable: 0.1, "rate-limited": 0.05 }, latencyMs: [5, 50] });
 * const twice = faulty(memory(), { first: ["unavailable", "hang"] });
 */
export function faulty(provider: Provider, plan: FaultPlan): FaultyProvider {
  const { first = [], errors = {}, hangs = 0, partial = 0, latencyMs = 0, methods = spoilt, retryAfterMs } = plan;
  const random = createRandom(plan.seed ?? 1);
  const calls: { method: FaultyMethod; fault: Fault; latencyMs: number }[] = [];

  const errorFor = (code: ErrorCode) => {
    const waits = retryAfterMs !== undefined && (code === "rate-limited" || code === "unavailable");
    return new SecretsError(code, `a planned fault: ${code}`, {
      provider: provider.kind,
      hint: "This fault comes from the plan that was given to faulty().",
      ...(waits ? { retryAfterMs } : {}),
    });
  };

  const decide = (): Fault => {
    // Drawn for every call, so that a scripted call moves no later one.
    let chance = random();
    const scripted = first[calls.length];
    if (scripted !== undefined) return scripted;
    for (const [code, share = 0] of Object.entries(errors) as [ErrorCode, number | undefined][]) {
      if (chance < share) return code;
      chance -= share;
    }
    return chance < hangs ? "hang" : "pass";
  };

  const spoil = async <T>(method: FaultyMethod, context: CallContext, call: () => Promise<T>): Promise<T> => {
    throwIfAborted(context);
    const fault = decide();
    const [least, most] = typeof latencyMs === "number" ? [latencyMs, latencyMs] : latencyMs;
    const latency = least + random() * (most - least);
    calls.push({ method, fault, latencyMs: latency });
    await wait(fault === "hang" ? Infinity : latency, context);
    if (fault !== "pass" && fault !== "hang") throw errorFor(fault);
    return call();
  };

  const result: Record<string, unknown> = { kind: provider.kind, features: provider.features, calls };
  for (const name of [...spoilt, "watch", "changedPaths", "close"] as const) {
    // Called on the provider itself, which may be an instance of a class.
    const method = provider[name]?.bind(provider) as ((...args: unknown[]) => Promise<unknown>) | undefined;
    if (method === undefined) continue;
    const spoiltName = methods.find((other) => other === name);
    // Every method takes its context last.
    result[name] = spoiltName
      ? (...args: unknown[]) => spoil(spoiltName, args.at(-1) as CallContext, () => method(...args))
      : method;
  }

  const readMany = result.readMany as Provider["readMany"];
  if (readMany && partial > 0) {
    const someFail: Provider["readMany"] = async (locators, context) => {
      // Drawn before the call, as answers may come in any order.
      const fails = locators.map(() => random() < partial);
      const outcomes = await readMany(locators, context);
      return outcomes.map((outcome, index) => (fails[index] ? errorFor("unavailable") : outcome));
    };
    result.readMany = someFail;
  }
  return result as unknown as FaultyProvider;
}
