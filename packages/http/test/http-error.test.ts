import { errorCodes } from "@keyhold/core";
import { httpError, retryAfterMs } from "@keyhold/http";
import { manualClock } from "@keyhold/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const now = Date.UTC(1994, 10, 6, 8, 49, 37);
const clock = { ...manualClock(), now: () => now };
const answered = (status: number, headers: Readonly<Record<string, string>> = {}) => ({
  status,
  header: (name: string) => headers[name],
});

describe("a status", () => {
  it("means the same for every provider, unless an adapter knows better", () => {
    const codes = Object.fromEntries(
      [400, 401, 402, 403, 404, 405, 408, 409, 410, 412, 413, 418, 422, 429, 500, 501, 502, 503, 504, 599].map((status) => {
        const error = httpError(answered(status), { provider: "conjur", clock });
        return [status, `${error.code}${error.retryable ? " again" : ""}`];
      }),
    );
    expect(codes).toEqual({
      400: "invalid-argument",
      401: "unauthenticated",
      402: "unknown",
      403: "permission-denied",
      404: "not-found",
      405: "unsupported",
      408: "timeout again",
      409: "conflict",
      410: "unknown",
      412: "conflict",
      413: "invalid-argument",
      418: "unknown",
      422: "invalid-argument",
      429: "rate-limited again",
      500: "unavailable again",
      501: "unavailable again",
      502: "unavailable again",
      503: "unavailable again",
      504: "unavailable again",
      599: "unavailable again",
    });
    expect(httpError(answered(422), { provider: "conjur", codes: { 422: "conflict" }, hint: "Wait.", clock })).toMatchObject({
      code: "conflict",
      provider: "conjur",
      hint: "Wait.",
      message: "conjur answered with status 422",
    });
  });

  it("of any number gives one of the codes, and how long to wait", () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 999 }), fc.nat(10_000), (status, seconds) => {
        const error = httpError(answered(status, { "retry-after": String(seconds) }), { provider: "conjur", clock });
        return errorCodes.includes(error.code) && error.retryAfterMs === seconds * 1_000;
      }),
    );
  });
});

describe("Retry-After", () => {
  it("is seconds or a date in any of the three formats; a date in the past is now", () => {
    expect(retryAfterMs("120", clock)).toBe(120_000);
    expect(retryAfterMs(" 0 ", clock)).toBe(0);
    expect(retryAfterMs("Sun, 06 Nov 1994 08:50:37 GMT", clock)).toBe(60_000);
    expect(retryAfterMs("Sunday, 06-Nov-94 08:50:37 GMT", clock)).toBe(60_000);
    expect(retryAfterMs("Sun Nov  6 08:50:37 1994", clock)).toBe(60_000);
    expect(retryAfterMs("Sun, 06 Nov 1994 08:48:37 GMT", clock)).toBe(0);
  });

  it("that is garbage is not there", () => {
    const garbage = [
      "",
      "-1",
      "1.5",
      "1e3",
      "soon",
      "5 apples",
      "9".repeat(30),
      "Sun, 99 Nov 1994 08:50:37 GMT",
      "2026-11-23",
      "NaN",
    ];
    expect(garbage.map((text) => retryAfterMs(text, clock))).toEqual(garbage.map(() => undefined));
    expect(retryAfterMs(undefined, clock)).toBeUndefined();
    fc.assert(
      fc.property(fc.string(), (text) => {
        const waitMs = retryAfterMs(text, clock);
        return waitMs === undefined || (Number.isFinite(waitMs) && waitMs >= 0);
      }),
    );
  });
});
