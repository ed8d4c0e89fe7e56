import type { Secret } from "./secret.ts";
import type { Handle } from "./secrets.ts";

/** A handle as an async iterable: the secret as it is, then the newest after each change, until one of `ends` is aborted. */
export async function* watchHandle(
  open: () => Promise<Handle>,
  ends: readonly (AbortSignal | undefined)[],
): AsyncGenerator<Secret, void, undefined> {
  const signals = ends.filter((signal) => signal !== undefined);
  const handle = await open();
  let newest: Secret | undefined = handle.current;
  let wake: () => void = () => {};
  const rouse = () => wake();
  handle.onChange((secret) => {
    newest = secret;
    rouse();
  });
  for (const signal of signals) signal.addEventListener("abort", rouse);
  try {
    while (!signals.some((signal) => signal.aborted)) {
      if (newest === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      const next: Secret = newest;
      newest = undefined;
      yield next;
    }
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", rouse);
    handle.close();
  }
}
