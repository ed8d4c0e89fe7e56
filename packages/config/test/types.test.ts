import { createSecrets, type Secret, secret } from "@keyhold/core";
import { memory } from "@keyhold/testing";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expectTypeOf, it } from "vitest";
import { z } from "zod";
import { fromObject, loadConfig, watchConfig } from "../src/index.ts";

// `tsc --noEmit` checks this file: each @ts-expect-error must be one.
const secrets = createSecrets({ providers: { memory: memory({ secrets: { openai: "sk-live-1234567890" } }) } });
const sources = [fromObject({ openai: { apiKey: "memory://openai" }, database: { poolSize: "20" } })];

const schemas = {
  zod: z.object({
    openai: z.object({ apiKey: z.string().startsWith("sk-").transform(secret) }),
    database: z.object({ poolSize: z.coerce.number().default(10) }),
  }),
  valibot: v.object({
    openai: v.object({
      apiKey: v.pipe(v.string(), v.startsWith("sk-"), v.transform(secret)),
    }),
    database: v.object({ poolSize: v.pipe(v.string(), v.transform(Number), v.number()) }),
  }),
  arktype: type({
    openai: { apiKey: type("/^sk-/").pipe(secret) },
    database: { poolSize: "string.numeric.parse" },
  }),
};

describe("the type of a configuration", () => {
  it("is the schema's output with zod", async () => {
    const config = await loadConfig({ secrets, sources, schema: schemas.zod });
    expectTypeOf(config.openai.apiKey).toEqualTypeOf<Secret>();
    expectTypeOf(config.database.poolSize).toEqualTypeOf<number>();
    // @ts-expect-error a secret is no string
    void (config.openai.apiKey satisfies string);
    // @ts-expect-error a number is no string
    void (config.database.poolSize satisfies string);
    // @ts-expect-error there is no such field
    void config.openai.missing;
  });

  it("is the schema's output with valibot", async () => {
    const config = await loadConfig({ secrets, sources, schema: schemas.valibot });
    expectTypeOf(config.openai.apiKey).toEqualTypeOf<Secret>();
    expectTypeOf(config.database.poolSize).toEqualTypeOf<number>();
    // @ts-expect-error a secret is no string
    void (config.openai.apiKey satisfies string);
    // @ts-expect-error there is no such field
    void config.openai.missing;
  });

  it("is the schema's output with arktype", async () => {
    const config = await loadConfig({ secrets, sources, schema: schemas.arktype });
    expectTypeOf(config.openai.apiKey).toEqualTypeOf<Secret>();
    expectTypeOf(config.database.poolSize).toEqualTypeOf<number>();
    // @ts-expect-error a secret is no string
    void (config.openai.apiKey satisfies string);
    // @ts-expect-error there is no such field
    void config.openai.missing;
  });

  it("reaches the listeners of a live configuration", async () => {
    const live = await watchConfig({ secrets, sources, schema: schemas.zod });
    expectTypeOf(live.current.openai.apiKey).toEqualTypeOf<Secret>();
    live.onChange(
      (config) => config.database.poolSize,
      (size, previous) => {
        expectTypeOf(size).toEqualTypeOf<number>();
        expectTypeOf(previous).toEqualTypeOf<number>();
      },
    );
    live.onChange((config) => expectTypeOf(config.openai.apiKey).toEqualTypeOf<Secret>());
    // @ts-expect-error there is no such field
    const select = (config: typeof live.current) => config.missing;
    void select;
    await live.close();
  });

  it("takes any client, whatever the names of its providers", () => {
    void (() => loadConfig({ secrets: createSecrets({ providers: {} }), sources, schema: schemas.zod }));
    // @ts-expect-error a schema is needed
    void (() => loadConfig({ secrets, sources }));
    // @ts-expect-error an object is no source
    void (() => loadConfig({ secrets, sources: [{ openai: {} }], schema: schemas.zod }));
  });
});
