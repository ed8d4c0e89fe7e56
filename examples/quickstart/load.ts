export interface Load {
  calls: number;
  failed: number;
}

/** Calls `url` so many times a second until the signal, each call once: a failed one is counted, never repeated. */
export async function load(url: string, callsPerSecond: number, signal: AbortSignal): Promise<Load> {
  const result: Load = { calls: 0, failed: 0 };
  const pending = new Set<Promise<void>>();
  const call = async () => {
    result.calls += 1;
    const ok = await fetch(url).then(
      async (answer) => (await answer.text()) !== "" && answer.ok,
      () => false,
    );
    if (!ok) result.failed += 1;
  };
  const startedAt = performance.now();
  for (let sent = 0; !signal.aborted; sent += 1) {
    const waitMs = startedAt + (sent * 1000) / callsPerSecond - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const one = call().finally(() => pending.delete(one));
    pending.add(one);
  }
  await Promise.all(pending);
  return result;
}
