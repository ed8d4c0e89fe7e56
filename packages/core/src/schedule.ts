import type { Clock } from "./clock.ts";
import type { HotTime } from "./hot-time.ts";

interface Due {
  readonly key: string;
  readonly at: number;
  run: () => void;
}

/** A machine that was suspended has slept through its timers: so often the time is looked at all the same. */
const longestWaitMs = 60_000;
const mostPassedOver = 1_000;

/** What is to be done and when, however much of it, by one timer. Times are `HotTime.elapsed`. */
export class Schedule {
  readonly #clock: Clock;
  readonly #time: HotTime;
  readonly #due = new Map<string, Due>();
  /** A binary heap, the earliest first. What was set anew or deleted is still in it, and is passed over. */
  readonly #heap: Due[] = [];
  #timer: { readonly at: number; cancel(): void } | undefined;

  constructor(clock: Clock, time: HotTime) {
    this.#clock = clock;
    this.#time = time;
  }

  /** Calls `run` once at `at`, in place of what was set for this key. Never, where `at` is infinite. */
  set(key: string, at: number, run: () => void): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.delete(key);
      return;
    }
    const known = this.#due.get(key);
    if (known?.at === at) {
      known.run = run;
      return;
    }
    const due = { key, at, run };
    this.#due.set(key, due);
    this.#push(due);
    if (this.#heap.length > 2 * this.#due.size + mostPassedOver) this.#compact();
    this.#arm();
  }

  delete(key: string): void {
    this.#due.delete(key);
    this.#arm();
  }

  clear(): void {
    this.#due.clear();
    this.#arm();
  }

  #arm(): void {
    while (this.#heap[0] !== undefined && this.#due.get(this.#heap[0].key) !== this.#heap[0]) this.#pop();
    const first = this.#heap[0];
    if (first !== undefined && this.#timer !== undefined && this.#timer.at <= first.at) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (first === undefined) return;
    const now = this.#time.look();
    const at = Math.min(first.at, now + longestWaitMs);
    this.#timer = { at, cancel: this.#clock.setTimer(() => this.#fire(), Math.max(0, at - now)) };
  }

  #fire(): void {
    this.#timer = undefined;
    const now = this.#time.look();
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop();
      if (this.#due.get(first.key) !== first) continue;
      this.#due.delete(first.key);
      first.run();
    }
    this.#arm();
  }

  /** What is set anew again and again, long before it is due, must not fill the memory until then. */
  #compact(): void {
    this.#heap.length = 0;
    for (const due of this.#due.values()) this.#push(due);
  }

  #push(due: Due): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if ((heap[parent] as Due).at <= due.at) break;
      heap[index] = heap[parent] as Due;
      index = parent;
    }
    heap[index] = due;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Due;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child + 1 < heap.length && (heap[child + 1] as Due).at < (heap[child] as Due).at) child += 1;
      if (child >= heap.length || (heap[child] as Due).at >= last.at) break;
      heap[index] = heap[child] as Due;
      index = child;
    }
    heap[index] = last;
  }
}
