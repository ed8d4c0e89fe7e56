import { isSecretsError } from "@keyhold/core";
import { callContext, type MemoryOptions, manualClock, memory } from "@keyhold/testing";
import { testProvider } from "@keyhold/testing/vitest";
import { describe, expect, it } from "vitest";

const codeOf = (error: unknown) => (isSecretsError(error) ? error.code : "not a SecretsError");
const text = (value: string) => ({ kind: "opaque", value }) as const;

describe("memory", () => {
  it("starts with what it is given: text, bytes, and objects as JSON", async () => {
    const provider = memory({ secrets: { text: "a", bytes: new Uint8Array([0, 255]), object: { user: "app" } } });
    const read = async (path: string) => (await provider.read({ path }, callContext())).content;
    expect(await read("text")).toEqual(text("a"));
    expect(await read("bytes")).toEqual({ kind: "opaque", value: new Uint8Array([0, 255]) });
    expect(await read("object")).toEqual(text('{"user":"app"}'));
  });

  it("holds objects as fields on request, and refuses anything else from the start", async () => {
    const provider = memory({ fields: true, secrets: { object: { user: "app" } } });
    expect(await provider.read({ path: "object" }, callContext())).toMatchObject({
      content: { kind: "fields", fields: { user: "app" } },
    });
    const wrong: MemoryOptions = { fields: true, secrets: { text: "a" } };
    expect(() => memory(wrong)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it("shares nothing with another one", async () => {
    const [one, other] = [memory(), memory()];
    await one.write?.({ path: "a" }, text("value"), {}, callContext());
    expect(await other.read({ path: "a" }, callContext()).catch(codeOf)).toBe("not-found");
    await one.close?.();
    expect(await other.list?.({ prefix: "" }, callContext())).toEqual({ items: [] });
  });

  it("calls no two contents the same version, even after a removal", async () => {
    const provider = memory();
    const first = await provider.write?.({ path: "a" }, text("one"), {}, callContext());
    await provider.remove?.({ path: "a" }, {}, callContext());
    const second = await provider.write?.({ path: "a" }, text("two"), {}, callContext());
    expect(second?.version).not.toBe(first?.version);
  });

  it("repeats a write with the same idempotency key after its version has moved on, and refuses the key for another value", async () => {
    const provider = memory({ secrets: { a: "before" } });
    const options = { ifVersion: "1", idempotencyKey: "key" };
    const first = await provider.write?.({ path: "a" }, text("after"), options, callContext());
    expect(await provider.write?.({ path: "a" }, text("after"), options, callContext())).toEqual(first);
    expect(await provider.write?.({ path: "a" }, text("other"), options, callContext()).catch(codeOf)).toBe("conflict");
  });

  it("ends a lease when its time is over by the call's clock", async () => {
    const clock = manualClock();
    const context = callContext({ clock, deadlineMs: Infinity });
    const provider = memory({ leaseMs: 1_000, secrets: { a: "value" } });
    const { lease } = await provider.read({ path: "a" }, context);
    await clock.advance(900);
    expect(await provider.renew?.(lease!, context)).toEqual({ ...lease, durationMs: 1_000 });
    await clock.advance(999);
    expect(await provider.renew?.(lease!, context)).toEqual(lease);
    await clock.advance(1_000);
    expect(await provider.renew?.(lease!, context).catch(codeOf)).toBe("not-found");
  });
});

const notApplicable = [
  { reason: "nobody signs in to memory", codes: ["unauthenticated", "permission-denied"] },
  { reason: "memory always answers, at once", codes: ["rate-limited", "unavailable", "timeout", "unknown"] },
] as const;
const maxBytes = 1024 * 1024;

testProvider("memory", { create: () => memory({ pageSize: 3 }), notApplicable, maxBytes });

testProvider("memory with fields", {
  create: () => memory({ fields: true, leaseMs: 60_000, pageSize: 3, secrets: { leased: { user: "app" } } }),
  leased: () => ({ path: "leased" }),
  notApplicable,
  maxBytes: maxBytes - Buffer.byteLength('{"value":""}'),
});
