import { describe, expect, it } from "vitest";
import { jittered, stateAt } from "../src/freshness.ts";

const usual = { ttlMs: 300_000, maxStaleMs: 3_600_000 };

describe("freshness", () => {
  it("is due at 80 %, stale at its end, and over when maxStaleMs has passed after it", () => {
    const at = (ageMs: number) => stateAt(ageMs, 300_000, usual);
    expect([0, 239_999, 240_000, 299_999].map(at)).toEqual(["fresh", "fresh", "due", "due"]);
    expect([300_000, 3_899_999, 3_900_000].map(at)).toEqual(["stale", "stale", "over"]);
  });

  it("varies by a tenth either way, and stale ends no earlier than ttlMs and maxStaleMs together", () => {
    expect([0, 0.25, 0.5, 1].map((random) => jittered(300_000, () => random))).toEqual([270_000, 285_000, 300_000, 330_000]);
    expect([3_899_999, 3_900_000].map((ageMs) => stateAt(ageMs, 270_000, usual))).toEqual(["stale", "over"]);
    expect([3_929_999, 3_930_000].map((ageMs) => stateAt(ageMs, 330_000, usual))).toEqual(["stale", "over"]);
  });

  it("with a ttlMs of 0 is never fresh, and with a maxStaleMs of 0 never stale", () => {
    expect(stateAt(0, 0, { ttlMs: 0, maxStaleMs: 1_000 })).toBe("stale");
    expect([899, 900].map((ageMs) => stateAt(ageMs, 900, { ttlMs: 1_000, maxStaleMs: 0 }))).toEqual(["due", "over"]);
  });
});
