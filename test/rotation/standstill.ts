export interface Standstill {
  /** For how many milliseconds since a moment, by `performance.now()`, nothing of this process ran. */
  since(startedAt: number): number;
  end(): void;
}

const lookEveryMs = 20;
/** A turn that comes so much too late is a busy machine's; more is one that stood still. */
const ordinaryMs = 200;

/** Learns when the machine stood still, as one does that is shared: what is measured meanwhile tells nothing about this project. */
export function watchStandstill(): Standstill {
  const gaps: { readonly from: number; readonly to: number }[] = [];
  let last = performance.now();
  const look = () => {
    const now = performance.now();
    if (now - last > lookEveryMs + ordinaryMs) gaps.push({ from: last + lookEveryMs, to: now });
    last = now;
  };
  const timer = setInterval(look, lookEveryMs);
  return {
    since(startedAt) {
      look();
      return gaps.reduce((sum, { from, to }) => sum + Math.max(0, to - Math.max(from, startedAt)), 0);
    },
    end: () => clearInterval(timer),
  };
}
