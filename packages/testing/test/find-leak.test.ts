import { findLeak } from "@keyhold/testing";
import { describe, expect, it } from "vitest";

const canary = 'p@ss "word"/1\\';
const base64 = Buffer.from(canary).toString("base64");

class Bearer {
  readonly #token = canary;
  get length(): number {
    return this.#token.length;
  }
}

const leaks: readonly (readonly [how: string, subject: unknown, where: string])[] = [
  ["in a message", new Error(`login with ${canary} failed`), "the message"],
  ["in a stack alone", Object.assign(new Error("failed"), { stack: `Error: failed\n at ${canary}` }), "the stack"],
  ["as base64 in a header", new Error(`authorization: Basic ${base64}`), "the message"],
  ["as base64url", new Error(Buffer.from(canary).toString("base64url")), "the message"],
  ["as hex", new Error(Buffer.from(canary).toString("hex")), "the message"],
  ["URL-encoded", new Error(`GET /login?password=${encodeURIComponent(canary)}`), "the message"],
  ["JSON-escaped", new Error(JSON.stringify({ password: canary })), "the message"],
  ["in toJSON", { toJSON: () => ({ canary }) }, "the JSON"],
  ["in a hidden property", Object.defineProperty({}, "token", { value: canary }), "what inspect shows"],
  [
    "behind a getter",
    {
      get token() {
        return canary;
      },
    },
    "what inspect shows",
  ],
  ["in the cause of a cause", new Error("a", { cause: new Error("b", { cause: { headers: [canary] } }) }), "what inspect shows"],
  ["far down", { a: { b: { c: { d: { e: { f: [new Map([["key", canary]])] } } } } } }, "what inspect shows"],
];

describe("findLeak", () => {
  it.each(leaks)("finds a value %s", (_how, subject, where) => {
    expect(findLeak(subject, ["something else", canary])).toBe(where);
  });

  it("finds nothing where nothing is, nor in what cannot be printed", () => {
    const circular: Record<string, unknown> = { name: "kit" };
    circular.self = circular;
    const cannot = {
      toJSON: () => {
        throw new Error("no");
      },
      toString: () => {
        throw new Error("no");
      },
    };
    for (const subject of [new Bearer(), circular, cannot, undefined, null, "text", 1n]) {
      expect(findLeak(subject, [canary])).toBeUndefined();
    }
  });
});
