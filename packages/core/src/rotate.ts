import { namedError, refusedField, refusedVersion } from "./client-errors.ts";
import type { Clock } from "./clock.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import { checkedNumber } from "./options.ts";
import type { CallContext, Provider } from "./provider.ts";
import { putContent } from "./put-content.ts";
import { claimRotation } from "./rotation-claim.ts";
import { type RotationPlace, type RotationState, rotationId } from "./rotation-place.ts";
import type { BackendRotator, RotateOptions, Rotation, RotationStep, RotationStepName, Rotator } from "./rotator.ts";
import { runRotatorStep } from "./rotator-step.ts";
import { runCall } from "./run-call.ts";
import { type Secret, secretFromContent } from "./secret.ts";
import { siblingPlace } from "./sibling-place.ts";
import { stagedPlace } from "./staged-place.ts";
import type { Target } from "./target.ts";

export interface RotateEnvironment {
  readonly clock: Clock;
  readonly closing: AbortSignal;
  /** For each call to the driver. */
  readonly deadlineMs: number;
  readonly provider: Provider;
  readonly target: Target;
  /** The backend of another reference, for a coordinator. */
  find(reference: string): { readonly provider: Provider; readonly target: Target };
  /** What is held is no longer sure. */
  onChanged(): void;
}

const longestRotationMs = 60_000;

/** `secrets.rotate`. `docs/rotation.md` says what holds at each moment. */
export async function rotateSecret(
  environment: RotateEnvironment,
  rotator: Rotator | BackendRotator,
  options: RotateOptions,
): Promise<Rotation> {
  const { clock, closing, provider, target } = environment;
  if (target.field !== undefined) throw refusedField(target);
  if (target.locator.version !== undefined || target.locator.stage !== undefined) throw refusedVersion(target);
  const deadlineMs = checkedNumber("deadlineMs", options.deadlineMs, longestRotationMs, 1);
  try {
    return await runCall({ clock, deadlineMs, signals: [closing, options.signal] }, (context) =>
      "rotate" in rotator
        ? runInBackend(environment, rotator, options, context)
        : claimed(environment, options, context, deadlineMs, (place) =>
            runRotation(environment, place, rotator, options, context),
          ),
    );
  } catch (error) {
    throw namedError(error, target, provider.kind);
  }
}

const teller = (reference: string, { onProgress }: RotateOptions) => {
  return (step: RotationStepName, state: "started" | "done" | "skipped") => {
    try {
      onProgress?.({ reference, step, state });
    } catch {}
  };
};

/** The backend makes the new value and makes it current. */
async function runInBackend(
  { clock, deadlineMs, provider, target: { locator, reference }, onChanged }: RotateEnvironment,
  rotator: BackendRotator,
  options: RotateOptions,
  { signal }: CallContext,
): Promise<Rotation> {
  const { dryRun = false } = options;
  const tell = teller(reference, options);
  const read = () => runCall({ clock, deadlineMs, signals: [signal] }, (context) => provider.read(locator, context));
  const before = await read();
  const id = rotationId(locator.path, before.version);
  const done = { reference, rotationId: id, previousVersion: before.version, resumed: false, dryRun };
  if (dryRun) {
    tell("rotate", "skipped");
    return { ...done, version: before.version };
  }
  tell("rotate", "started");
  const current = secretFromContent(before.content, before.version, reference);
  try {
    await runRotatorStep(rotator, "rotate", () => rotator.rotate({ reference, rotationId: id, current, signal }));
  } finally {
    onChanged();
  }
  const { version } = await read();
  tell("rotate", "done");
  return { ...done, version };
}

async function runRotation(
  environment: RotateEnvironment,
  place: RotationPlace,
  rotator: Rotator,
  options: RotateOptions,
  whole: CallContext,
): Promise<Rotation> {
  const { target } = environment;
  const { reference } = target;
  const tell = teller(reference, options);
  let state = await lookFor(place, options);
  const began = state;
  const { id, pending: found } = began;
  const isGone = found !== undefined && found.replaced === undefined;

  const secretOf = ({ content, version }: { content: Parameters<typeof secretFromContent>[0]; version?: string }) =>
    secretFromContent(content, version, reference);
  const step: RotationStep = {
    reference,
    rotationId: id,
    current: secretOf(found?.replaced ?? began.current),
    signal: whole.signal,
    async confirm() {
      const now = await place.look();
      if (now.id !== id || now.pending === undefined || now.stale) throw overtaken();
    },
  };
  /** Runs one of the rotator's own steps. */
  const run = async (name: "set" | "test" | "finish", pending: Secret) => {
    if (rotator[name] === undefined) return tell(name, "skipped");
    tell(name, "started");
    await runRotatorStep(rotator, name, () => rotator[name]!(pending, step));
    whole.signal.throwIfAborted();
    tell(name, "done");
  };
  const previousVersion = found?.from ?? began.current.version;
  const result = { reference, rotationId: id, previousVersion, dryRun: options.dryRun === true };

  if (options.dryRun) {
    if (rotator.check) await runRotatorStep(rotator, "check", () => rotator.check!(step));
    for (const name of ["create", "set", "test", "promote", "finish"] as const) tell(name, "skipped");
    return { ...result, version: began.current.version, resumed: found !== undefined };
  }

  let resumed = found !== undefined;
  if (found === undefined) {
    tell("create", "started");
    const made = await runRotatorStep(rotator, "create", () => rotator.create(step));
    whole.signal.throwIfAborted();
    const content = putContent(made, environment.provider.features);
    try {
      await place.add(began, content);
    } catch (error) {
      // Somebody else was first, or an answer was lost: what lies there now is the pending value.
      if (!isSecretsError(error, "conflict")) throw error;
      resumed = true;
    }
    state = await place.look();
    if (state.id !== id || state.pending === undefined) throw overtaken();
    tell("create", "done");
  } else tell("create", "skipped");

  const pending = secretOf({ content: state.pending!.content });
  if (state.pending!.isCurrent) for (const name of ["set", "test", "promote"] as const) tell(name, "skipped");
  else {
    await run("set", pending);
    await run("test", pending);
    tell("promote", "started");
    try {
      await place.promote(state);
    } catch (error) {
      if (!isSecretsError(error, "conflict") || !(await isDone(place, pending))) throw error;
      resumed = true;
    } finally {
      environment.onChanged();
    }
    tell("promote", "done");
  }
  if (isGone && options.abandonPending) tell("finish", "skipped");
  else if (isGone && rotator.finish !== undefined) throw nothingToFinish();
  else await run("finish", pending);
  const ended = await place.look();
  if (ended.id === id && ended.pending?.isCurrent) await place.clear(ended);
  environment.onChanged();
  return { ...result, version: ended.current.version, resumed };
}

/** Whether another process has made the pending value current meanwhile. */
async function isDone(place: RotationPlace, pending: Secret): Promise<boolean> {
  const { current } = await place.look();
  return secretFromContent(current.content).equals(pending);
}

const overtaken = () =>
  new SecretsError("conflict", "this rotation was finished or given up by another process meanwhile", {
    hint: "Read the secret: it may have been rotated already.",
  });

const nothingToFinish = () =>
  new SecretsError("conflict", "the backend has dropped the value that was replaced, so nothing can be cleared up after it", {
    hint: "Clear up by hand, such as by deleting the old key. { abandonPending: true } ends this rotation then.",
  });

async function lookFor(place: RotationPlace, { abandonPending = false }: RotateOptions): Promise<RotationState> {
  const state = await place.look();
  if (!state.stale || abandonPending) return state;
  throw new SecretsError("conflict", "a pending value waits that was begun from another version than the current one", {
    hint: "Somebody else's rotation is under way, or the secret was written by hand during one. { abandonPending: true } gives it up.",
  });
}

/** Finds the place for what is pending, and holds the coordinator's claim meanwhile where the backend compares nothing. */
async function claimed<T>(
  { clock, deadlineMs, provider, target, find }: RotateEnvironment,
  { coordinator, dryRun }: RotateOptions,
  whole: CallContext,
  holdMs: number,
  work: (place: RotationPlace) => Promise<T>,
): Promise<T> {
  const call = <T>(ask: (context: CallContext) => Promise<T>) => runCall({ clock, deadlineMs, signals: [whole.signal] }, ask);
  const { path } = target.locator;
  if (provider.pending !== undefined) return work(stagedPlace(provider, path, call));
  const settings = { provider, path, reference: target.pathKey };
  if (provider.write !== undefined && provider.features.compareAndSet)
    return work(siblingPlace({ ...settings, compare: true, call }));
  const other = provider.write === undefined || coordinator === undefined ? undefined : find(coordinator);
  if (other === undefined || other.provider.write === undefined || !other.provider.features.compareAndSet)
    throw unsupported(provider, other?.provider);
  // A dry run changes nothing, the claim included.
  if (dryRun) return work(siblingPlace({ ...settings, compare: false, call }));
  const claim = await claimRotation({ clock, provider: other.provider, path: other.target.locator.path, holdMs, call });
  const checked = <T>(ask: (context: CallContext) => Promise<T>) => {
    claim.check();
    return call(ask);
  };
  try {
    return await work(siblingPlace({ ...settings, compare: false, call: checked }));
  } finally {
    await claim.release();
  }
}

function unsupported(provider: Provider, coordinator: Provider | undefined): SecretsError {
  const { kind } = coordinator ?? provider;
  const message =
    provider.write === undefined
      ? `the ${provider.kind} provider does not write`
      : `the ${kind} provider has no compare-and-set, so two rotations could undo each other`;
  const hint = "Name a { coordinator }: a reference in a backend that has one, such as the local store, Kubernetes or Vault.";
  return new SecretsError("unsupported", message, { hint });
}
