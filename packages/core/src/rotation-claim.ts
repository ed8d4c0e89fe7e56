import type { Clock } from "./clock.ts";
import type { Content } from "./content.ts";
import { isSecretsError, SecretsError } from "./errors.ts";
import type { CallContext, Provider } from "./provider.ts";

/** How far the clocks of two machines may be apart. */
const skewMs = 15_000;
const field = "keyhold-claim";

export interface ClaimSettings {
  readonly clock: Clock;
  /** The coordinator: a provider with compare-and-set, and the path of this secret's claim. */
  readonly provider: Provider;
  readonly path: string;
  /** How long it is needed at most. */
  readonly holdMs: number;
  call<T>(work: (context: CallContext) => Promise<T>): Promise<T>;
}

export interface Claim {
  /** @throws SecretsError `conflict` when it has ended, as for a process that was frozen. */
  check(): void;
  release(): Promise<void>;
}

/**
 * Who may rotate a secret in a backend that compares nothing. Taken by compare-and-set, given back at the end, and void some time after
 * its holder has died.
 * @throws SecretsError `conflict` while somebody else holds it.
 */
export async function claimRotation({ clock, provider, path, holdMs, call }: ClaimSettings): Promise<Claim> {
  const asFields = provider.features.fields === true;
  const content = (untilAt: number): Content => {
    const document = { [field]: String(untilAt) };
    return asFields ? { kind: "fields", fields: document } : { kind: "opaque", value: JSON.stringify(document) };
  };
  const write = (untilAt: number, ifVersion: string | null) =>
    call((context) => provider.write!({ path }, content(untilAt), { ifVersion }, context));

  const found = await call((context) => provider.read({ path }, context)).catch((error) =>
    isSecretsError(error, "not-found") ? undefined : Promise.reject(error),
  );
  const waitMs = (found === undefined ? 0 : heldUntil(found.content) + skewMs) - clock.now();
  if (waitMs > 0) throw taken(waitMs);
  const untilAt = clock.now() + holdMs;
  const { version } = await write(untilAt, found?.version ?? null).catch((error) =>
    Promise.reject(isSecretsError(error, "conflict") ? taken(holdMs) : error),
  );
  return {
    check() {
      if (clock.now() < untilAt) return;
      throw new SecretsError("conflict", "this rotation has lost its claim", { hint: "It took too long: rotate again." });
    },
    async release() {
      // It ends by itself too.
      await write(-skewMs, version).catch(() => {});
    },
  };
}

function taken(retryAfterMs: number): SecretsError {
  return new SecretsError("conflict", "another rotation of this secret holds the coordinator's claim", {
    retryable: true,
    retryAfterMs,
    hint: "Try again later. Of a process that died, the claim ends by itself.",
  });
}

/** @throws SecretsError `conflict` for something that is no claim. */
function heldUntil(content: Content): number {
  try {
    const whole = content.kind === "fields" ? content.fields : JSON.parse(content.value as string);
    const value = whole[field];
    const text = value instanceof Uint8Array ? new TextDecoder().decode(value) : value;
    if (/^-?\d+(?:\.\d+)?$/.test(text)) return Number(text);
  } catch {
    // What cannot be parsed is not shown.
  }
  throw new SecretsError("conflict", "what the coordinator's reference names is no claim of a rotation", {
    hint: "Name a reference that nothing else uses.",
  });
}
