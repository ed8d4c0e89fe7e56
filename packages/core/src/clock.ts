/** Time as the client sees it. Injected in tests, so that hours pass at once and deadlines are exact. */
export interface Clock {
  /** Wall clock: milliseconds since 1970. It may jump. */
  now(): number;
  /** Monotonic clock in milliseconds, from any origin. It never goes back, and it may stop while a machine is frozen. */
  monotonic(): number;
  /**
   * Calls back once after at least `delayMs`, and returns what cancels it. Unless `keepAlive`, the timer alone does not keep the
   * process running: a deadline must be met, a refresh need not be.
   */
  setTimer(callback: () => void, delayMs: number, options?: { readonly keepAlive?: boolean }): () => void;
}

/** `setTimeout` fires at once for a delay over 2³¹−1 ms; a longer wait is made of several. */
const longestTimerMs = 2 ** 31 - 1;

/** Not `performance.now()`: the first look at `performance` loads eleven of Node's modules, which a cold start would wait for. */
function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}

/** The machine's own clocks. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic,
  setTimer(callback, delayMs, options) {
    const dueAt = monotonic() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = () => {
      const left = dueAt - monotonic();
      timer = setTimeout(left > longestTimerMs ? arm : callback, Math.min(Math.max(left, 0), longestTimerMs));
      if (!options?.keepAlive) timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
