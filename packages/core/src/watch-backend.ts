import type { Clock } from "./clock.ts";
import type { Change } from "./provider.ts";

export interface WatchSource {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The backend's own changes. */
  changes(signal: AbortSignal): AsyncIterable<Change>;
  /** The version that is known now. */
  version(): string | undefined;
  /** Reads anew, past the cache. */
  refresh(): Promise<unknown>;
  onChanged(): void;
  onRemoved(): void;
  onFailed(error: unknown): void;
}

const backoffMs = { first: 1_000, longest: 60_000 };

/** Sees the changes of one key until the signal, by the backend's own watch. */
export async function watchBackend(source: WatchSource): Promise<void> {
  const { clock, signal } = source;
  let delayMs = backoffMs.first;
  while (!signal.aborted) {
    try {
      for await (const { version } of source.changes(signal)) {
        if (signal.aborted) return;
        if (version === undefined) source.onRemoved();
        else if (version !== source.version()) {
          source.onChanged();
          // When this fails, the watch starts over after a pause, and begins with the version that is still to be read.
          await source.refresh();
        }
        delayMs = backoffMs.first;
      }
    } catch (error) {
      if (signal.aborted) return;
      source.onFailed(error);
    }
    await pause(clock, delayMs, signal);
    delayMs = Math.min(delayMs * 2, backoffMs.longest);
  }
}

function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const cancel = clock.setTimer(done, delayMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
