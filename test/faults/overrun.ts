/**
 * From now on, how much later than `deadlineMs` something ends. A timer is set beside it for the same moment: what the machine stood
 * still for delays both, and is nobody's overrun.
 */
export function overrunOf(deadlineMs: number): () => Promise<number> {
  const dueAt = performance.now() + deadlineMs;
  const fired = new Promise<number>((resolve) => setTimeout(() => resolve(performance.now()), deadlineMs));
  return async () => {
    const endedAt = performance.now();
    return Math.max(0, endedAt - Math.max(dueAt, await fired));
  };
}
