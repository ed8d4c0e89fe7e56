import assert from "node:assert";
import { EventEmitter } from "node:events";
import { inspect } from "node:util";
import { serialize } from "node:v8";
import { type } from "arktype";
import * as valibot from "valibot";
import { expect } from "vitest";
import { z } from "zod";
import { everything, failure, type Sinks } from "../sink.ts";

/** Errors that carry a value, and checks that say what they got. */
export const errors: Sinks = {
  "an error's message": (value) => failure(() => Promise.reject(new Error(value))),
  "an error's message with the value in it": (value) => failure(() => Promise.reject(new Error(`refused: ${value}`))),
  "an error's cause": (value) => failure(() => Promise.reject(new Error("x", { cause: value }))),
  "an error's own property": (value) =>
    failure(() => Promise.reject(Object.assign(new Error("x"), { value, config: { value } }))),
  "an error's name": (value) => failure(() => Promise.reject(Object.assign(new Error("x"), { name: value }))),
  "an AggregateError": (value) => failure(() => Promise.reject(new AggregateError([value, new Error("x", { cause: value })]))),
  "a SuppressedError's shape": (value) => inspect(Object.assign(new Error("x"), { error: value, suppressed: value }), everything),
  "an error that was serialised": (value) => serialize(Object.assign(new Error(`${value}`), { cause: value })),
  "the value itself thrown": (value) => failure(() => Promise.reject(value)),
  "an abort reason": (value) => failure(() => AbortSignal.abort(value).throwIfAborted()),
  "an abort reason through fetch": (value) => failure(() => fetch("http://127.0.0.1:1/", { signal: AbortSignal.abort(value) })),
  "an emitter's unhandled error": (value) => failure(() => new EventEmitter().emit("error", value)),
  "assert.strictEqual": (value) => failure(() => assert.strictEqual(value, "other")),
  "assert.deepStrictEqual": (value) => failure(() => assert.deepStrictEqual({ value }, { value: 1 })),
  "assert.deepStrictEqual with its actual and expected": (value) =>
    failure(() => assert.deepStrictEqual([value], [{ ...Object(value) }, 1])),
  "assert.rejects": (value) => failure(() => assert.rejects(Promise.reject(value), /never/)),
  "assert.match": (value) => failure(() => assert.match(value, /never/)),
  "assert.ifError": (value) => failure(() => assert.ifError(value)),
  "vitest's toBe": (value) => failure(() => expect(value).toBe("other")),
  "vitest's toEqual": (value) => failure(() => expect({ value }).toEqual({ value: { value: 1 } })),
  "vitest's toMatchObject": (value) => failure(() => expect({ value }).toMatchObject({ value: { value: 1 } })),
  "vitest's toThrow": (value) => failure(() => expect(() => assert.fail(`${value}`)).toThrow("never")),
  "vitest's toHaveProperty": (value) => failure(() => expect({ value }).toHaveProperty("value", "other")),
  "zod, a literal": (value) => failure(() => z.strictObject({ [`${value}`]: z.number() }).parse({})),
  "zod, an unknown key": (value) => failure(() => z.strictObject({}).parse({ [value]: 1 })),
  "zod, a default in JSON Schema": (value) => failure(() => z.toJSONSchema(z.object({ key: z.any().default(value) }))),
  "zod, a refinement's message": (value) =>
    failure(() =>
      z
        .any()
        .refine(() => false, { error: (issue) => `bad: ${issue.input}` })
        .parse(value),
    ),
  "zod, a wrong type with its input reported": (value) => failure(() => z.number().parse(value, { reportInput: true })),
  "valibot, a wrong type": (value) => failure(() => valibot.parse(valibot.number(), value)),
  "valibot, a whole object": (value) => failure(() => valibot.parse(valibot.object({ value: valibot.number() }), { value })),
  "arktype, a wrong type": (value) => failure(() => type("number").assert(value)),
  "arktype, a pattern": (value) => failure(() => type({ value: "/^never$/" }).assert({ value })),
};
