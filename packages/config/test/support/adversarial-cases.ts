import { type StandardSchema, secret } from "@keyhold/core";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";

/** Distinctive all the way through: no four characters of them stand anywhere by chance. */
export const canaries = {
  key: "Zq7Xv9Kp2Wm4",
  user: "Yt6Rn3Bd8Hs5",
  quoted: "Jf1\"Gc0\\Lx7'Vw2",
  number: "8374615290174",
  literal: "Ub5Pz1Ek9Ta3",
  fallback: "Oi4Dy7Qn2Mx6",
};

export interface AdversarialCase {
  readonly library: "zod" | "valibot" | "arktype";
  readonly name: string;
  readonly schema: StandardSchema<unknown, unknown>;
  /** What is configured. Default: `key` and `user`, from the backend. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Whether it ends in an error, or in an output without plain values. */
  readonly ends: "refused" | "accepted";
}

export const backend = {
  key: canaries.key,
  user: canaries.user,
  quoted: canaries.quoted,
  number: canaries.number,
  doc: { [canaries.user]: 1, password: canaries.key, list: [canaries.key, canaries.user] },
  list: JSON.stringify([canaries.key, canaries.user]),
};

const one = { key: "memory://key" };
const two = { key: "memory://key", user: "memory://user" };
const throwing = (text: unknown): never => {
  throw new Error(`cannot use ${text}`);
};

/** What no search for the value itself finds. */
const encoded = (text: string) => `bad: ${Buffer.from(text).toString("base64")}`;

class Client {
  readonly token: unknown;
  constructor(token: unknown) {
    this.token = token;
  }
}

// Schemas that tell or give away what they get, each in the ways of its library.
const zod: Record<string, Omit<AdversarialCase, "library" | "name">> = {
  "plain string": { schema: z.object({ key: z.string() }), ends: "refused" },
  "unchecked field": { schema: z.looseObject({}), ends: "refused" },
  "refinement that quotes": {
    schema: z.object({ key: z.string().refine(() => false, { error: (issue) => `got ${issue.input}` }) }),
    ends: "refused",
  },
  "refinement that quotes, escaped": {
    schema: z.object({ key: z.string().superRefine((text, context) => context.addIssue(JSON.stringify({ text }))) }),
    config: { key: "memory://quoted" },
    ends: "refused",
  },
  prefix: { schema: z.object({ key: z.string().startsWith("sk-").transform(secret) }), ends: "refused" },
  enum: { schema: z.object({ key: z.enum(["a", "b"], { error: (issue) => `not ${issue.input}` }) }), ends: "refused" },
  "coercion to a number": {
    schema: z.object({ key: z.coerce.number({ error: (issue) => `NaN of ${issue.input}` }) }),
    ends: "refused",
  },
  "number out of range": {
    schema: z.object({ key: z.coerce.number().max(10, { error: (issue) => `${issue.input} is over 10` }) }),
    config: { key: "memory://number" },
    ends: "refused",
  },
  "coercion to a date": { schema: z.object({ key: z.coerce.date() }), config: { key: "memory://number" }, ends: "refused" },
  "union of objects": {
    schema: z.union([z.object({ key: z.literal("a") }), z.object({ key: z.string().regex(/^x/) })], {
      error: (issue) => JSON.stringify(issue.input),
    }),
    ends: "refused",
  },
  "discriminated union": {
    schema: z.discriminatedUnion("key", [z.object({ key: z.literal("a") })], {
      error: (issue) => `no ${JSON.stringify(issue.input)}`,
    }),
    ends: "refused",
  },
  "transform that throws": { schema: z.object({ key: z.string().transform(throwing) }), ends: "refused" },
  "refinement that throws later": {
    schema: z.object({ key: z.string().refine(async (text) => throwing(text)) }),
    ends: "refused",
  },
  "preprocess that throws": { schema: z.object({ key: z.preprocess(throwing, z.string()) }), ends: "refused" },
  "catch that gives the input": {
    schema: z.object({
      key: z
        .string()
        .startsWith("sk-")
        .catch((context) => String(context.value)),
    }),
    ends: "refused",
  },
  "default from elsewhere": {
    schema: z.object({ key: z.string().transform(secret), other: z.string().default("x") }),
    ends: "accepted",
  },
  "issue on another path": {
    schema: z
      .object({ key: z.string(), model: z.string() })
      .superRefine(({ key }, context) => context.addIssue({ code: "custom", path: ["model"], message: `bad ${key}` })),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "issue on another path, in lower case": {
    schema: z
      .object({ key: z.string(), model: z.string() })
      .superRefine(({ key }, context) => context.addIssue({ code: "custom", path: ["model"], message: key.toLowerCase() })),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "encoded value in an issue above": {
    schema: z
      .object({ key: z.string() })
      .superRefine(({ key }, context) => context.addIssue({ code: "custom", message: encoded(key) })),
    ends: "refused",
  },
  "issue whose path is the value": {
    schema: z
      .object({ key: z.string() })
      .superRefine(({ key }, context) => context.addIssue({ code: "custom", path: [key, "x"], message: "bad" })),
    ends: "refused",
  },
  "issue whose code is the value": {
    schema: z
      .object({ key: z.string() })
      .superRefine(({ key }, context) => context.addIssue({ code: key as "custom", path: ["key"], message: key })),
    ends: "refused",
  },
  "unknown keys of a fetched document": {
    schema: z.object({
      doc: z
        .string()
        .transform((text) => JSON.parse(text))
        .pipe(z.strictObject({ password: z.string().transform(secret) })),
    }),
    config: { doc: "memory://doc#" },
    ends: "refused",
  },
  "bad value deep in a fetched document": {
    schema: z.object({
      doc: z
        .string()
        .transform((text) => JSON.parse(text))
        .pipe(z.object({ list: z.array(z.string().refine(() => false, { error: (issue) => `${issue.input}` })) })),
    }),
    config: { doc: "memory://doc#" },
    ends: "refused",
  },
  "record keyed by the value": {
    schema: z
      .object({ key: z.string() })
      .transform(({ key }) => ({ [key]: key }))
      .pipe(z.record(z.string(), z.email())),
    ends: "refused",
  },
  "value that moves": {
    schema: z.object({ key: z.string() }).transform(({ key }) => ({ key: secret(key), header: `Bearer ${key}` })),
    ends: "refused",
  },
  "value that moves into a literal and fails there": {
    schema: z
      .object({ key: z.string(), model: z.string() })
      .transform(({ key }) => ({ model: key }))
      .pipe(z.object({ model: z.string().refine(() => false, { error: (issue) => `was ${String(issue.input).slice(0, 6)}` }) })),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "values that swap": {
    schema: z
      .object({ key: z.string().transform(secret), user: z.string().transform(secret) })
      .transform(({ key, user }) => ({ key: user, user: key })),
    config: two,
    ends: "accepted",
  },
  "list of secrets": {
    schema: z.object({ list: z.array(z.string().transform(secret)) }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "accepted",
  },
  "list of plain values": {
    schema: z.object({ list: z.array(z.string()) }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "refused",
  },
  "list joined": {
    schema: z.object({ list: z.array(z.string()).transform((all) => all.join()) }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "refused",
  },
  set: { schema: z.object({ key: z.string().transform((text) => new Set([text])) }), ends: "refused" },
  "map elsewhere": {
    schema: z.object({ key: z.string() }).transform(({ key }) => ({ map: new Map([["token", { key }]]) })),
    ends: "refused",
  },
  "class instance elsewhere": {
    schema: z.object({ key: z.string() }).transform(({ key }) => ({ client: new Client(key) })),
    ends: "refused",
  },
  "template that is no URL": {
    schema: z.object({ url: z.url({ error: (issue) => `no URL: ${issue.input}` }).transform(secret) }),
    config: { url: `x \${memory://key}` },
    ends: "refused",
  },
  "template in plain": { schema: z.object({ url: z.url() }), config: { url: `https://\${memory://key}@host` }, ends: "refused" },
  "literal credential": {
    schema: z.object({
      key: z
        .string()
        .startsWith("sk-", { error: (issue) => `was ${issue.input}` })
        .transform(secret),
    }),
    config: { key: canaries.literal },
    ends: "refused",
  },
  "literal credential that fits": {
    schema: z.object({ key: z.string().transform(secret) }),
    config: { key: canaries.literal },
    ends: "refused",
  },
  "default of a reference": {
    schema: z.object({ key: z.string().refine(() => false, { error: (issue) => `was ${issue.input}` }) }),
    config: { key: `memory://gone?default=${canaries.fallback}` },
    ends: "refused",
  },
};

const fails = <T>(message: (input: T) => string) =>
  v.check<T, (issue: v.CheckIssue<T>) => string>(
    () => false,
    (issue) => message(issue.input),
  );

const valibot: typeof zod = {
  "plain string": { schema: v.object({ key: v.string() }), ends: "refused" },
  "unchecked field": { schema: v.looseObject({}), ends: "refused" },
  "refinement that quotes": {
    schema: v.object({
      key: v.pipe(
        v.string(),
        fails((text) => `got ${text}`),
      ),
    }),
    ends: "refused",
  },
  "refinement that quotes, escaped": {
    schema: v.object({
      key: v.pipe(
        v.string(),
        fails((text) => JSON.stringify({ text })),
      ),
    }),
    config: { key: "memory://quoted" },
    ends: "refused",
  },
  "prefix, whose start is quoted": { schema: v.object({ key: v.pipe(v.string(), v.startsWith("sk-live-")) }), ends: "refused" },
  picklist: { schema: v.object({ key: v.picklist(["a", "b"]) }), ends: "refused" },
  literal: { schema: v.object({ key: v.literal("a") }), ends: "refused" },
  "regular expression": { schema: v.object({ key: v.pipe(v.string(), v.regex(/^x/)) }), ends: "refused" },
  "coercion to a number": { schema: v.object({ key: v.pipe(v.string(), v.decimal(), v.transform(Number)) }), ends: "refused" },
  "number out of range": {
    schema: v.object({ key: v.pipe(v.string(), v.transform(Number), v.maxValue(10)) }),
    config: { key: "memory://number" },
    ends: "refused",
  },
  union: { schema: v.object({ key: v.union([v.literal("a"), v.pipe(v.string(), v.email())]) }), ends: "refused" },
  variant: { schema: v.variant("key", [v.object({ key: v.literal("a") })]), ends: "refused" },
  "transform that throws": {
    schema: v.object({
      key: v.pipe(
        v.string(),
        v.transform((text): string => throwing(text)),
      ),
    }),
    ends: "refused",
  },
  "asynchronous check that throws": {
    schema: v.objectAsync({
      key: v.pipeAsync(
        v.string(),
        v.checkAsync(async (text) => throwing(text)),
      ),
    }),
    ends: "refused",
  },
  "fallback that gives the input": {
    schema: v.object({ key: v.fallback(v.pipe(v.string(), v.email()), (dataset) => String(dataset?.value)) }),
    ends: "refused",
  },
  "check forwarded to another path": {
    schema: v.pipe(
      v.object({ key: v.string(), model: v.string() }),
      v.forward(
        fails(({ key }) => `bad ${key}`),
        ["model"],
      ),
    ),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "encoded value in an issue above": {
    schema: v.pipe(
      v.object({ key: v.string() }),
      fails(({ key }) => encoded(key)),
    ),
    ends: "refused",
  },
  "raw issue whose path is the value": {
    schema: v.pipe(
      v.object({ key: v.string() }),
      v.rawCheck(({ dataset, addIssue }) => {
        if (!dataset.typed) return;
        const { key } = dataset.value;
        addIssue({ message: "bad", path: [{ type: "object", origin: "value", input: dataset.value, key, value: key }] });
      }),
    ),
    ends: "refused",
  },
  "strict object of a fetched document": {
    schema: v.object({ doc: v.pipe(v.string(), v.parseJson(), v.strictObject({ password: v.string() })) }),
    config: { doc: "memory://doc#" },
    ends: "refused",
  },
  "fetched text that is no JSON": { schema: v.object({ key: v.pipe(v.string(), v.parseJson()) }), ends: "refused" },
  "record keyed by the value": {
    schema: v.pipe(
      v.object({ key: v.string() }),
      v.transform(({ key }) => ({ [key]: key })),
      v.record(v.string(), v.pipe(v.string(), v.email())),
    ),
    ends: "refused",
  },
  "value that moves": {
    schema: v.pipe(
      v.object({ key: v.string() }),
      v.transform(({ key }) => ({ header: `Bearer ${key}` })),
    ),
    ends: "refused",
  },
  "value that moves into a literal and fails there": {
    schema: v.pipe(
      v.object({ key: v.string(), model: v.string() }),
      v.transform(({ key }) => ({ model: key })),
      v.object({ model: v.pipe(v.string(), v.startsWith("gpt-4")) }),
    ),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "list of plain values": {
    schema: v.object({ list: v.array(v.string()) }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "refused",
  },
  "list of secrets": {
    schema: v.object({
      list: v.array(v.pipe(v.string(), v.transform(secret))),
    }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "accepted",
  },
  "some item": {
    schema: v.object({
      list: v.pipe(
        v.array(v.string()),
        v.checkItems(
          () => false,
          (issue) => `bad ${issue.input}`,
        ),
      ),
    }),
    config: { list: ["memory://key"] },
    ends: "refused",
  },
  "bytes elsewhere": {
    schema: v.pipe(
      v.object({ key: v.string() }),
      v.transform(({ key }) => ({ bytes: Buffer.from(key) })),
    ),
    ends: "refused",
  },
  "getter elsewhere": {
    schema: v.pipe(
      v.object({ key: v.string() }),
      v.transform(({ key }) => ({
        get token() {
          return key;
        },
      })),
    ),
    ends: "refused",
  },
  "template that is no e-mail": {
    schema: v.object({ mail: v.pipe(v.string(), v.email()) }),
    config: { mail: `\${memory://user} \${memory://key}` },
    ends: "refused",
  },
  "literal credential": {
    schema: v.object({ key: v.pipe(v.string(), v.email()) }),
    config: { key: canaries.literal },
    ends: "refused",
  },
  "literal credential, whose start is quoted": {
    schema: v.object({ key: v.pipe(v.string(), v.startsWith("sk-live")) }),
    config: { key: canaries.literal },
    ends: "refused",
  },
  "default of a reference": {
    schema: v.object({ key: v.pipe(v.string(), v.email()) }),
    config: { key: `memory://gone?default=${canaries.fallback}` },
    ends: "refused",
  },
};

const arktype: typeof zod = {
  "plain string": { schema: type({ key: "string" }), ends: "refused" },
  "unchecked field": { schema: type({}), ends: "refused" },
  "predicate that quotes": {
    schema: type({
      key: type("string").narrow((text, context) => context.reject({ expected: `other than ${text}`, actual: text })),
    }),
    ends: "refused",
  },
  "predicate that quotes, escaped": {
    schema: type({ key: type("string").narrow((text, context) => context.mustBe(JSON.stringify({ text }))) }),
    config: { key: "memory://quoted" },
    ends: "refused",
  },
  pattern: { schema: type({ key: type("/^sk-/").pipe(secret) }), ends: "refused" },
  enum: { schema: type({ key: "'a'|'b'" }), ends: "refused" },
  "coercion to a number": { schema: type({ key: "string.numeric.parse" }), ends: "refused" },
  "number out of range": {
    schema: type({ key: type("string.numeric.parse").to("number<10") }),
    config: { key: "memory://number" },
    ends: "refused",
  },
  "coercion to a date": { schema: type({ key: "string.date.parse" }), ends: "refused" },
  "union of objects": { schema: type({ key: "'a'" }).or({ key: "string.email" }), ends: "refused" },
  "transform that throws": { schema: type({ key: type("string").pipe(throwing) }), ends: "refused" },
  "transform that is tried": { schema: type({ key: type("string").pipe.try(throwing) }), ends: "refused" },
  "undeclared key": { schema: type({ "+": "reject", key: "'a'" }), config: two, ends: "refused" },
  "undeclared keys of a fetched document": {
    schema: type({ doc: type("string.json.parse").to({ "+": "reject", password: "string" }) }),
    config: { doc: "memory://doc#" },
    ends: "refused",
  },
  "fetched text that is no JSON": { schema: type({ key: "string.json.parse" }), ends: "refused" },
  "bad value deep in a fetched document": {
    schema: type({ doc: type("string.json.parse").to({ list: "number[]" }) }),
    config: { doc: "memory://doc#" },
    ends: "refused",
  },
  "record keyed by the value": {
    schema: type({ key: "string" })
      .pipe(({ key }) => ({ [key]: key }))
      .to("Record<string, number>"),
    ends: "refused",
  },
  "encoded value in an issue above": {
    schema: type({ key: "string" }).narrow(({ key }, context) => context.mustBe(encoded(key))),
    ends: "refused",
  },
  "issue whose path is the value": {
    schema: type({ key: "string" }).narrow(({ key }, context) => context.reject({ path: [key], expected: "better" })),
    ends: "refused",
  },
  "issue on another path": {
    schema: type({ key: "string", model: "string" }).narrow(({ key }, context) =>
      context.reject({ path: ["model"], expected: `not ${key}` }),
    ),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "value that moves": { schema: type({ key: "string" }).pipe(({ key }) => ({ header: `Bearer ${key}` })), ends: "refused" },
  "value that moves into a literal and fails there": {
    schema: type({ key: "string", model: "string" })
      .pipe(({ key }) => ({ model: key }))
      .to({ model: "'gpt-5'" }),
    config: { ...one, model: "gpt-5" },
    ends: "refused",
  },
  "list of plain values": {
    schema: type({ list: "string[]" }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "refused",
  },
  "list of secrets": {
    schema: type({ list: type("string").pipe(secret).array() }),
    config: { list: ["memory://key", "memory://user"] },
    ends: "accepted",
  },
  "list with one that fails": {
    schema: type({ list: "string.email[]" }),
    config: { list: ["memory://key", "x@example.com"] },
    ends: "refused",
  },
  "error elsewhere": { schema: type({ key: "string" }).pipe(({ key }) => ({ error: new Error(key) })), ends: "refused" },
  "function elsewhere": {
    schema: type({ key: "string" }).pipe(({ key }) => ({ call: Object.assign(() => 1, { key }) })),
    ends: "refused",
  },
  "template that is no URL": { schema: type({ url: "string.url" }), config: { url: `x \${memory://key}` }, ends: "refused" },
  "default beside": { schema: type({ key: type("string").pipe(secret), size: "number = 3" }), ends: "accepted" },
  "literal credential": { schema: type({ key: "string.email" }), config: { key: canaries.literal }, ends: "refused" },
  "default of a reference": {
    schema: type({ key: "string.email" }),
    config: { key: `memory://gone?default=${canaries.fallback}` },
    ends: "refused",
  },
};

export const adversarialCases: readonly AdversarialCase[] = Object.entries({ zod, valibot, arktype }).flatMap(
  ([library, cases]) =>
    Object.entries(cases).map(([name, one]) => ({ library: library as AdversarialCase["library"], name, ...one })),
);
