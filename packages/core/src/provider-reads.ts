import type { Clock } from "./clock.ts";
import { contentSize } from "./content.ts";
import { isSecretsError, type SecretsError } from "./errors.ts";
import { Flights } from "./flights.ts";
import type { Provider } from "./provider.ts";
import { driverError, type Outcome, type ReadMany, readFrom } from "./read-many.ts";
import { runCall } from "./run-call.ts";
import { type Secret, secretFromContent } from "./secret.ts";
import type { SecretCache } from "./secret-cache.ts";
import type { Target } from "./target.ts";

/** A secret, or why there is none. */
export type Read = Secret | SecretsError;

/** How one caller waits: its deadline and signal, applied to any promise. */
export type Wait = <T>(work: Promise<T>) => Promise<T>;

export interface ReadsEnvironment {
  readonly clock: Clock;
  readonly cache: SecretCache;
  readonly closing: AbortSignal;
  /** A secret was read from the backend. */
  onRead(target: Target, secret: Secret): void;
}

/** All reads from one provider: what is not held is read once for each key, through the layers, and held. */
export class ProviderReads {
  readonly #environment: ReadsEnvironment;
  readonly #flights = new Flights<Read>();
  readonly #kind: string;
  /** The pipeline. Layers (batch, retry, breaker) wrap `readFrom` here. */
  readonly #read: ReadMany;

  constructor(provider: Provider, environment: ReadsEnvironment) {
    this.#environment = environment;
    this.#kind = provider.kind;
    this.#read = readFrom(provider);
  }

  /**
   * Reads what `targets` name, each key once, and all that is not yet under way in one upstream call. Gives one promise a target,
   * which rejects only when this caller's own wait ends.
   */
  read(targets: readonly Target[], wait: Wait, deadlineMs: number): Promise<Read>[] {
    const missing = new Map<string, Target>();
    for (const target of targets) if (!this.#flights.has(target.key)) missing.set(target.key, target);
    if (missing.size > 0) this.#start([...missing.values()], deadlineMs);
    return targets.map((target) => this.#flights.join(target.key, wait));
  }

  /** What is under way for a path that was written must not be held. */
  detachPath(pathKey: string): void {
    this.#flights.detach((key) => key === pathKey || key.startsWith(`${pathKey}?`));
  }

  #start(targets: readonly Target[], deadlineMs: number): void {
    const { clock, closing } = this.#environment;
    this.#flights.start(
      targets.map((target) => target.key),
      async (abandoned, isCurrent) => {
        try {
          const limits = { clock, deadlineMs, signals: [closing, abandoned] };
          const outcomes = await runCall(limits, (context) =>
            this.#read(
              targets.map((target) => target.locator),
              context,
            ),
          );
          return outcomes.map((outcome, index) => this.#land(targets[index] as Target, outcome, isCurrent));
        } catch (error) {
          const shared = driverError(error, this.#kind);
          return targets.map(() => shared);
        }
      },
    );
  }

  #land(target: Target, outcome: Outcome, isCurrent: (key: string) => boolean): Read {
    if (isSecretsError(outcome)) return outcome;
    const secret = secretFromContent(outcome.content, outcome.version, { provider: target.provider, reference: target.key });
    if (isCurrent(target.key)) {
      // A leased value ends with its lease, so it is fresh for two thirds of it at most.
      const freshMs = outcome.lease && (outcome.lease.durationMs * 2) / 3;
      this.#environment.cache.set(target, secret, contentSize(outcome.content), freshMs);
      this.#environment.onRead(target, secret);
    }
    return secret;
  }
}
