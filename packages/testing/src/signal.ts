/** Wakes everybody who waits. */
export interface Signal {
  notify(): void;
  /** Resolves at the next `notify`, or when `abort` is aborted. */
  wait(abort: AbortSignal): Promise<void>;
}

export function createSignal(): Signal {
  const waiting = new Set<() => void>();
  return {
    notify() {
      for (const wake of [...waiting]) wake();
    },
    wait(abort) {
      return new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          abort.removeEventListener("abort", wake);
          resolve();
        };
        if (abort.aborted) return resolve();
        waiting.add(wake);
        abort.addEventListener("abort", wake);
      });
    },
  };
}
