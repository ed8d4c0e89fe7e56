import { inspect } from "node:util";
import { isSecret, isSecretsError, type StandardResult, type StandardSchema } from "@keyhold/core";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { fromObject, loadConfig } from "../src/index.ts";
import { type AdversarialCase, adversarialCases, backend, canaries } from "./support/adversarial-cases.ts";
import { memorySecrets } from "./support/memory-secrets.ts";

/** Everything that a program could print of a thing. */
function printed(thing: unknown): string {
  const texts = [
    inspect(thing, { depth: 20, showHidden: true, getters: true, maxStringLength: null }),
    String(thing),
    JSON.stringify(thing),
  ];
  const walk = (value: unknown, depth: number): void => {
    if (typeof value === "string") texts.push(value);
    if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString());
    if (value === null || (typeof value !== "object" && typeof value !== "function") || isSecret(value) || depth > 8) return;
    for (const key of Reflect.ownKeys(value)) {
      texts.push(String(key));
      walk((value as Record<PropertyKey, unknown>)[key], depth + 1);
    }
    if (value instanceof Map || value instanceof Set) for (const item of value) walk(item, depth + 1);
  };
  walk(thing, 0);
  return texts.join("\n").toLowerCase();
}

/** Whether any four characters in a row of any canary stand in the text, as they are or encoded. */
function leaks(text: string): boolean {
  return Object.values(canaries).some((canary) => {
    const forms = [canary, JSON.stringify(canary).slice(1, -1), encodeURIComponent(canary)];
    const encoded = [Buffer.from(canary).toString("base64").slice(0, 12), Buffer.from(canary).toString("hex")];
    const parts = forms.flatMap((form) => Array.from({ length: form.length - 3 }, (_, start) => form.slice(start, start + 4)));
    return [...parts, ...encoded].some((part) => text.includes(part.toLowerCase()));
  });
}

const defaultConfig = { key: "memory://key" };

async function byKeyhold({ schema, config = defaultConfig }: AdversarialCase): Promise<{ error?: unknown; output?: unknown }> {
  const { secrets } = memorySecrets(backend);
  try {
    return { output: await loadConfig({ secrets, sources: [fromObject(config)], schema }) };
  } catch (error) {
    return { error };
  }
}

/** Zod's own way for asynchronous schemas; by the standard's, one that rejects would end this process. */
async function validate(schema: StandardSchema<unknown, unknown>, input: unknown): Promise<StandardResult<unknown>> {
  if (!(schema instanceof z.ZodType)) return await schema["~standard"].validate(input);
  const parsed = await schema.safeParseAsync(input);
  return parsed.success ? { value: parsed.data } : parsed.error;
}

/** What is written in an afternoon: put the values in, validate, print what the library says. */
async function byNaiveLoader({ schema, config = defaultConfig }: AdversarialCase): Promise<unknown> {
  const held: Readonly<Record<string, unknown>> = backend;
  const read = (path: string, field?: string, fallback?: string) => {
    const value = held[path] ?? fallback;
    return typeof value === "string" ? value : JSON.stringify(field ? (value as Record<string, unknown>)[field] : value);
  };
  const fill = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(fill);
    if (typeof value !== "string") return value;
    return value
      .replace(/^memory:\/\/([a-z]+)(?:\?default=(\w+))?(?:#(\w*))?$/, (_all, path, fallback, field) =>
        read(path, field, fallback),
      )
      .replace(/\$\{memory:\/\/([a-z]+)\}/g, (_all, path) => read(path));
  };
  const input = Object.fromEntries(Object.entries(config).map(([key, value]) => [key, fill(value)]));
  try {
    const result = await validate(schema, input);
    if (!result.issues) return result.value;
    const lines = result.issues.map((issue) => {
      const path = issue.path?.map((segment) => String(typeof segment === "object" ? segment.key : segment)).join(".");
      return `${path}: ${issue.message}`;
    });
    return new Error(lines.join("\n"));
  } catch (error) {
    return error;
  }
}

describe("schemas that give away what they get", () => {
  const leaked = { keyhold: 0, naive: 0 };

  it("are at least 60, over three libraries", () => {
    expect(adversarialCases.length).toBeGreaterThanOrEqual(60);
    for (const library of ["zod", "valibot", "arktype"]) {
      expect(adversarialCases.filter((one) => one.library === library).length).toBeGreaterThanOrEqual(20);
    }
  });

  it.each(adversarialCases)("$library, $name: no value in any error or output, and it is $ends", async (one) => {
    const { error, output } = await byKeyhold(one);
    const text = printed(error ?? output);
    if (leaks(text)) leaked.keyhold += 1;
    if (leaks(printed(await byNaiveLoader(one)))) leaked.naive += 1;
    expect(leaks(text), text).toBe(false);
    expect(error === undefined ? "accepted" : "refused", text).toBe(one.ends);
    if (error !== undefined) {
      expect(isSecretsError(error), text).toBe(true);
      expect((error as Error).cause).toBeUndefined();
    }
  });

  it("leak nearly always from a naive loader", () => {
    expect(leaked.naive).toBeGreaterThan(adversarialCases.length / 2);
  });

  afterAll(() => {
    const { length } = adversarialCases;
    console.log(`adversarial configurations: ${length} pairs, ${leaked.keyhold} leaks; naive loader: ${leaked.naive} leaks`);
  });
});
