import { refusedField, refusedVersion } from "./client-errors.ts";
import type { DriverCalls } from "./driver-calls.ts";
import { findPending } from "./find-pending.ts";
import { parseListPrefix } from "./list-prefix.ts";
import type { CheckReport, VersionSummary, WriteOptions } from "./provider.ts";
import { putContent } from "./put-content.ts";
import { rotateSecret } from "./rotate.ts";
import type { BackendRotator, RotateOptions, Rotation, Rotator } from "./rotator.ts";
import { runCall } from "./run-call.ts";
import type { Secret } from "./secret.ts";
import type { CallOptions, ListedSecret, PutOptions, RemoveCallOptions } from "./secrets.ts";
import type { Target } from "./target.ts";
import type { Targets } from "./targets.ts";

/** What goes straight to a driver: writes, lists and checks. `Secrets` has the documentation of each. */
export class DirectCalls {
  readonly #calls: DriverCalls;
  readonly #targets: Targets;
  readonly #onChanged: (pathKey: string) => void;

  constructor(calls: DriverCalls, targets: Targets, onChanged: (pathKey: string) => void) {
    this.#calls = calls;
    this.#targets = targets;
    this.#onChanged = onChanged;
  }

  async put(reference: string, value: unknown, options: PutOptions): Promise<{ readonly version: string }> {
    const target = this.#targets.of(reference);
    if (target.field !== undefined) throw refusedField(target);
    if (target.locator.version !== undefined) throw refusedVersion(target);
    const { provider } = this.#targets.provider(target.provider);
    const { ifVersion, idempotencyKey, labels } = options;
    const write: WriteOptions = { ifVersion, idempotencyKey, labels };
    const content = putContent(value, provider.features);
    try {
      return await this.#calls.call(provider, target, "write", options, (context) =>
        provider.write!(target.locator, content, write, context),
      );
    } finally {
      this.#onChanged(target.pathKey);
    }
  }

  async remove(reference: string, options: RemoveCallOptions): Promise<void> {
    const target = this.#targets.of(reference);
    if (target.field !== undefined) throw refusedField(target);
    const { provider } = this.#targets.provider(target.provider);
    const how = { ifVersion: options.ifVersion };
    try {
      await this.#calls.call(provider, target, "remove", options, (context) => provider.remove!(target.locator, how, context));
    } finally {
      this.#onChanged(target.pathKey);
    }
  }

  async *list(prefix: string, options: CallOptions): AsyncGenerator<ListedSecret, void, undefined> {
    const { provider: name, path } = parseListPrefix(prefix);
    yield* this.#calls.list(this.#targets.provider(name).provider, name, path, options);
  }

  async *versions(reference: string, options: CallOptions): AsyncGenerator<VersionSummary, void, undefined> {
    const target = this.#targets.of(reference);
    yield* this.#calls.versions(this.#targets.provider(target.provider).provider, target, options);
  }

  async rotate(reference: string, rotator: Rotator | BackendRotator, options: RotateOptions): Promise<Rotation> {
    const target = this.#targets.of(reference);
    const { provider } = this.#targets.provider(target.provider);
    const onChanged = () => this.#onChanged(target.pathKey);
    const find = (other: string) => {
      const named = this.#targets.of(other);
      return { provider: this.#targets.provider(named.provider).provider, target: named };
    };
    return rotateSecret({ ...this.#calls.limits, provider, target, find, onChanged }, rotator, options);
  }

  /** The value that a rotation under way is about to make current, or undefined. */
  pending(target: Target): Promise<Secret | undefined> {
    const { clock, closing, deadlineMs } = this.#calls.limits;
    const { provider } = this.#targets.provider(target.provider);
    return runCall({ clock, deadlineMs, signals: [closing] }, (context) => findPending(provider, target, context));
  }

  async check(name: string, options: CallOptions): Promise<CheckReport> {
    const { provider } = this.#targets.provider(name);
    const named = { provider: name, reference: `${name}://` };
    return this.#calls.call(provider, named, "check", options, (context) => provider.check!(context));
  }
}
