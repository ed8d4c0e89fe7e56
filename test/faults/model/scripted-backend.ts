import type { CallContext, Locator, Provider, SecretRecord } from "@keyhold/core";
import { type ErrorCode, isSecretsError, SecretsError } from "@keyhold/core";

/** How the backend answers: with values, with an error, or not at all. */
export type Mode = "up" | "hang" | ErrorCode;

/** One read as the backend saw it. */
export interface BackendCall {
  readonly key: string;
  /** What it will answer; fixed when it is asked, so that a write meanwhile makes the answer old. */
  readonly answer: Answer | undefined;
}

export type Answer = { readonly text: string; readonly version: string } | ErrorCode;

/** What the reference model is told. */
export interface Witness {
  called(call: BackendCall): void;
  /** The call ended: with its answer, or with the code of the reason that aborted it. */
  ended(call: BackendCall, answer: Answer): void;
}

/** The current text of each path, and how the backend answers. A path of which nothing is known is not found. */
export interface ScriptedBackend {
  readonly provider: Provider;
  mode: Mode;
  latencyMs: number;
  /** Writes behind the client's back; `undefined` removes. */
  write(path: string, text: string | undefined): void;
}

export const keyOf = ({ path, version, stage }: Locator): string => JSON.stringify([path, version ?? null, stage ?? null]);

/** A backend in memory that does as it is told, and tells of each call. Stages name the version before the current one. */
export function scriptedBackend(witness: Witness): ScriptedBackend {
  const stored = new Map<string, { readonly texts: readonly string[]; readonly removed: boolean }>();

  const find = ({ path, version, stage }: Locator): Answer => {
    const { texts, removed } = stored.get(path) ?? { texts: [], removed: true };
    const number = version === undefined ? texts.length - (stage === undefined ? 0 : 1) : Number(version);
    const text = texts[number - 1];
    return removed || text === undefined ? "not-found" : { text, version: String(number) };
  };

  const backend: ScriptedBackend = {
    mode: "up",
    latencyMs: 0,
    write(path, text) {
      const { texts } = stored.get(path) ?? { texts: [] };
      stored.set(path, { texts: text === undefined ? texts : [...texts, text], removed: text === undefined });
    },
    provider: {
      kind: "scripted",
      features: { versions: true, stages: true, binary: false, leases: false },
      read: (locator, context) => {
        const answer = backend.mode === "up" ? find(locator) : backend.mode === "hang" ? undefined : backend.mode;
        const call = { key: keyOf(locator), answer };
        witness.called(call);
        return answered(call, context, backend.latencyMs, witness);
      },
      write: async (locator, content) => {
        if (content.kind !== "opaque" || typeof content.value !== "string") throw new SecretsError("unsupported", "text only");
        if (backend.mode !== "up") throw new SecretsError(backend.mode === "hang" ? "timeout" : backend.mode, "as it was told");
        backend.write(locator.path, content.value);
        return { version: String(stored.get(locator.path)?.texts.length) };
      },
    },
  };
  return backend;
}

function answered(call: BackendCall, { clock, signal }: CallContext, latencyMs: number, witness: Witness): Promise<SecretRecord> {
  return new Promise((resolve, reject) => {
    const end = (answer: Answer) => {
      cancel();
      signal.removeEventListener("abort", abort);
      witness.ended(call, answer);
      if (typeof answer === "string") reject(new SecretsError(answer, "as it was told"));
      else resolve({ content: { kind: "opaque", value: answer.text }, version: answer.version });
    };
    const abort = () => end(isSecretsError(signal.reason) ? signal.reason.code : "unknown");
    const cancel = call.answer === undefined ? () => {} : clock.setTimer(() => end(call.answer as Answer), latencyMs);
    signal.addEventListener("abort", abort, { once: true });
  });
}
