/** A pool, and the work that runs with it. */
export interface PoolInUse<Pool> {
  readonly pool: Pool;
  run<T>(work: (pool: Pool) => T | Promise<T>): Promise<T>;
  /** Drains the pool once no work runs. Resolves when it is drained. */
  retire(): Promise<void>;
}

export function poolInUse<Pool>(pool: Pool, drain: (pool: Pool) => void | Promise<void>): PoolInUse<Pool> {
  let running = 0;
  let onIdle: (() => void) | undefined;
  return {
    pool,
    async run(work) {
      running += 1;
      try {
        return await work(pool);
      } finally {
        running -= 1;
        if (running === 0) onIdle?.();
      }
    },
    async retire() {
      if (running > 0) {
        await new Promise<void>((resolve) => {
          onIdle = resolve;
        });
      }
      await drain(pool);
    },
  };
}
