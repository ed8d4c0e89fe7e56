import { inspect, isDeepStrictEqual } from "node:util";
import { contentVersion, isSecret, secret } from "@keyhold/core";
import { describe, expect, it } from "vitest";
import { secretFromContent } from "../src/secret.ts";

const opaque = (value: string | Uint8Array) => secretFromContent({ kind: "opaque", value }, "1");

describe("a secret", () => {
  it("gives its value by its methods and the placeholder everywhere else", () => {
    const value = secret("hunter2");
    expect(value.text()).toBe("hunter2");
    expect(`${value}`).toBe("⟦secret⟧");
    expect(JSON.stringify({ value })).toBe('{"value":"⟦secret⟧"}');
    expect(inspect(value)).toBe("⟦secret⟧");
    expect(inspect(value, { customInspect: false, showHidden: true, depth: null })).not.toContain("hunter2");
  });

  it("fails to be cloned", () => {
    expect(() => structuredClone(secret("hunter2"))).toThrow();
  });

  it("is unequal to another secret, and equal to itself, under toEqual and isDeepStrictEqual", () => {
    const [a, b] = [secret("one"), secret("two")];
    expect(a).not.toEqual(b);
    expect(a).not.toStrictEqual(b);
    expect(isDeepStrictEqual(a, b)).toBe(false);
    expect(a).toEqual(a);
    expect(isDeepStrictEqual(a, a)).toBe(true);
  });

  it("keeps the source text of numbers", () => {
    const document = opaque('{"a":12345678901234567890,"b":1.0,"c":{"d":-0},"n":null,"t":true}');
    expect(document.field("a").text()).toBe("12345678901234567890");
    expect(document.field("b").text()).toBe("1.0");
    expect(document.field("c").text()).toBe('{"d":-0}');
    expect(document.field("/c/d").text()).toBe("-0");
    expect(document.field("t").text()).toBe("true");
    expect(() => document.field("n").text()).toThrow(/null/);
    expect(document.field("").text()).toBe('{"a":12345678901234567890,"b":1.0,"c":{"d":-0},"n":null,"t":true}');
  });

  it("finds own keys only", () => {
    const document = opaque('{"__proto__":"own","a":[1]}');
    expect(document.field("__proto__").text()).toBe("own");
    for (const name of ["constructor", "toString", "/a/length", "/a/1", "/a/-0", "/a/00"]) {
      expect(() => document.field(name)).toThrow(expect.objectContaining({ code: "not-found" }));
    }
  });

  it("never repeats its value in an error", () => {
    for (const work of [
      () => opaque("hunter2").json(),
      () => opaque("hunter2").field("x"),
      () => opaque(`${"[".repeat(200_000)}hunter2`).json(),
      () => opaque(Uint8Array.of(0xff, 0x68)).text(),
    ]) {
      expect(work).toThrow(expect.objectContaining({ code: "decode", message: expect.not.stringContaining("hunter2") }));
    }
  });

  it("compares content, not identity, with equals", () => {
    expect(secret("one").equals(secret("one"))).toBe(true);
    expect(secret("one").equals(secret("two"))).toBe(false);
    expect(opaque('{"a":"x"}').field("a").equals(secret("x"))).toBe(true);
    const fields = (value: string) => secretFromContent({ kind: "fields", fields: { b: value, a: Uint8Array.of(1) } });
    expect(fields("1").equals(fields("1"))).toBe(true);
    expect(fields("1").equals(fields("2"))).toBe(false);
  });

  it("shows nothing but its documented methods, also by its class", () => {
    expect(Reflect.ownKeys(secret("hunter2").constructor).sort()).toEqual(["length", "name", "prototype"]);
  });

  it("has another version for other content, also where bytes read like the JSON of a text", () => {
    const version = (value: string | Uint8Array) => contentVersion({ kind: "fields", fields: { a: value } });
    expect(version("x")).toBe(version("x"));
    expect(version("x")).not.toBe(version(Buffer.from('"x"')));
  });

  it("gives bytes as a copy that can be wiped", () => {
    const value = secret(Uint8Array.of(1, 2));
    value.bytes().fill(0);
    expect(value.bytes()).toEqual(Uint8Array.of(1, 2));
  });

  it("reads fields by name, with json() and never with text()", () => {
    const record = secretFromContent({ kind: "fields", fields: { user: "u", raw: Uint8Array.of(0xff) } }, "7");
    expect(record.field("user").text()).toBe("u");
    expect(record.field("raw").bytes()).toEqual(Uint8Array.of(0xff));
    expect(() => record.text()).toThrow(/fields/);
    expect(() => record.bytes()).toThrow(/fields/);
    expect(() => record.json()).toThrow(expect.objectContaining({ code: "decode" }));
    expect(record.field("user").version).toBe("7");
  });

  it("is known by isSecret", () => {
    expect(isSecret(secret("x"))).toBe(true);
    expect(isSecret({ text: () => "x" })).toBe(false);
    expect(Object.isFrozen(secret("x"))).toBe(true);
  });
});
