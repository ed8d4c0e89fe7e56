import { CircuitBreaker } from "./circuit-breaker.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import { type CallContext, type Provider, remainingMs, type SecretRecord } from "./provider.ts";
import { runCall } from "./run-call.ts";

/** Only these lead on to the next replica: any other answer would be the same there, or hide a mistake. */
const leadsOn = (error: unknown) => isSecretsError(error, "unavailable", "timeout");

/**
 * One provider made of replicas of one another, such as one secret in two regions. Reads go to the first that answers, and stay there
 * while it does; one that failed five times in a row is left alone for a while. The next replica is asked on `unavailable` and
 * `timeout` only; an even share of what is left of the deadline is kept for each. Writing is `unsupported`: write to one replica by
 * its own name.
 *
 * @throws SecretsError `invalid-argument` for fewer than two providers.
 * @example
 * createSecrets({ providers: { aws: failover([aws({ region: "eu-west-1" }), aws({ region: "us-east-1" })]) } });
 */
export function failover(replicas: readonly Provider[]): Provider {
  const [first] = replicas;
  if (first === undefined || replicas.length < 2)
    throw new SecretsError("invalid-argument", "failover takes at least two providers");
  const breakers: CircuitBreaker[] = [];
  let preferred = 0;

  /** Runs `call` against one replica after another, the one that answered last first. */
  async function onOne<T>(context: CallContext, call: (provider: Provider, context: CallContext) => Promise<T>): Promise<T> {
    const order = [preferred, ...[...replicas.keys()].filter((index) => index !== preferred)];
    let failure: unknown;
    for (const [turn, index] of order.entries()) {
      breakers[index] ??= new CircuitBreaker(context.clock);
      const breaker = breakers[index] as CircuitBreaker;
      const isLast = turn === order.length - 1;
      // The last one is asked in any case: there is nobody else left.
      const passage = breaker.enter();
      if (passage.waitMs > 0 && !(isLast && failure === undefined)) continue;
      try {
        const deadlineMs = remainingMs(context) / (order.length - turn);
        const limits = { clock: context.clock, deadlineMs, signals: [context.signal] };
        const answer = await runCall(limits, (own) => call(replicas[index] as Provider, own));
        breaker.succeeded();
        preferred = index;
        return answer;
      } catch (error) {
        if (context.signal.aborted) breaker.leave(passage);
        else if (!leadsOn(error)) breaker.succeeded();
        if (context.signal.aborted || !leadsOn(error)) throw error;
        breaker.failed(passage);
        failure = error;
      }
    }
    throw failure;
  }

  const provider: Provider = {
    kind: first.kind,
    features: { ...first.features, compareAndSet: false },
    read: (locator, context) => onOne(context, (replica, own) => replica.read(locator, own)),
    async close() {
      await Promise.all(replicas.map((replica) => replica.close?.()));
    },
  };
  if (replicas.every((replica) => replica.readMany)) {
    provider.readMany = (locators, context) =>
      onOne(context, async (replica, own) => {
        const outcomes: readonly (SecretRecord | SecretsError)[] = await replica.readMany!(locators, own);
        // A batch of which every item met an outage is an outage.
        if (outcomes.length > 0 && outcomes.every(leadsOn)) throw outcomes[0];
        return outcomes;
      });
  }
  if (replicas.every((replica) => replica.probe)) {
    provider.probe = (locator, context) => onOne(context, (replica, own) => replica.probe!(locator, own));
  }
  if (replicas.every((replica) => replica.check)) {
    provider.check = (context) => onOne(context, (replica, own) => replica.check!(own));
  }
  if (replicas.some((replica) => replica.changedPaths)) {
    // Whichever replica it came from: all hold the same.
    provider.changedPaths = (event) => {
      const found = replicas.map((replica) => replica.changedPaths?.(event)).filter((paths) => paths !== undefined);
      return found.length === 0 ? undefined : found.flat();
    };
  }
  return provider;
}
