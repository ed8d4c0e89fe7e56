import { seededRandom } from "../random.ts";
import type { Subject, Weather } from "./subject.ts";

const keys = Array.from({ length: 50 }, (_, index) => `key-${index}`);
const readsInASecond = 100;
const oldestMs = 300_000;

export interface Hour {
  /** Upstream calls in an hour. */
  readonly calls: number;
  readonly reads: number;
  readonly errors: number;
  /** Values that were given for a key after the backend had refused it. */
  readonly staleAfterRefusal: number;
  /** The longest that a key went on being served after the weather changed, in milliseconds; undefined: some always did. */
  readonly lastErrorBeganMs: number | undefined;
}

export interface HourOptions {
  readonly seed: number;
  /** A shorter simulation whose counts are multiplied, for what would take too long. Default: 60. */
  readonly minutes?: number;
}

/** Fifty keys, held for a random time of up to five minutes; then the weather, and a hundred reads a second. */
export async function simulateHour(subject: Subject, weather: Weather, { seed, minutes = 60 }: HourOptions): Promise<Hour> {
  const random = seededRandom(seed);
  const ages = new Map(keys.map((key) => [key, random() * oldestMs]));
  let elapsedMs = 0;
  for (const [key, ageMs] of [...ages].sort(([, a], [, b]) => b - a)) {
    await subject.advance(oldestMs - ageMs - elapsedMs);
    elapsedMs = oldestMs - ageMs;
    const read = subject.read(key);
    await subject.advance(0);
    await read;
  }
  await subject.advance(oldestMs - elapsedMs);

  subject.setWeather(weather);
  const callsBefore = subject.calls;
  const startedAt = subject.now();
  const firstErrorAt = new Map<string, number>();
  let errors = 0;
  let staleAfterRefusal = 0;
  const count = minutes * 60 * readsInASecond;
  for (let index = 0; index < count; index += 1) {
    const key = keys[Math.floor(random() * keys.length)] as string;
    const refusedAt = subject.refusedAt(key);
    subject.read(key).then(
      () => {
        if (refusedAt !== undefined) staleAfterRefusal += 1;
      },
      () => {
        errors += 1;
        if (!firstErrorAt.has(key)) firstErrorAt.set(key, subject.now());
      },
    );
    await subject.advance(1_000 / readsInASecond);
  }
  const calls = subject.calls - callsBefore;
  // What still waits for a pause between two tries ends too.
  await subject.advance(10_000);
  const scale = 60 / minutes;
  return {
    calls: Math.round(calls * scale),
    reads: count * scale,
    errors: Math.round(errors * scale),
    staleAfterRefusal,
    lastErrorBeganMs: firstErrorAt.size === keys.length ? Math.max(...firstErrorAt.values()) - startedAt : undefined,
  };
}
