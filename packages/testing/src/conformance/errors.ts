import assert from "node:assert/strict";
import { type ErrorCode, errorCodes, type Provider } from "@keyhold/core";
import type { Harness, Situation } from "../harness.ts";
import { failsWith, within } from "./assertions.ts";
import { type CaseContext, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "errors";

/** A code that the kit drives without the harness, and why it may not come up. */
interface Drive {
  readonly notApplicable?: (provider: Provider) => string | undefined;
  run(context: CaseContext): Promise<unknown>;
}

const drives: { readonly [Code in ErrorCode]?: Drive } = {
  "not-found": {
    run: async ({ provider, path, call }) => provider.read({ path: await path() }, call()),
  },
  aborted: {
    run: async ({ provider, path, call }) => provider.read({ path: await path() }, call({ signal: AbortSignal.abort() })),
  },
  "invalid-argument": {
    notApplicable: needs("write"),
    // What the client refuses already: a string for a backend of fields, or fields for a backend of strings.
    run: async ({ provider, path, value, call }) => {
      const wrong = provider.features.fields
        ? ({ kind: "opaque", value: value() } as const)
        : ({ kind: "fields", fields: { value: value() } } as const);
      return provider.write!({ path: await path() }, wrong, {}, call());
    },
  },
  conflict: {
    notApplicable: (provider) =>
      needs("write")(provider) ?? (provider.features.compareAndSet ? undefined : "the backend has no compare-and-set"),
    run: async ({ provider, stored, content, call }) =>
      provider.write!({ path: (await stored()).path }, content(), { ifVersion: null }, call()),
  },
  closed: {
    notApplicable: needs("close"),
    run: async ({ provider, stored, call }) => {
      const { path } = await stored();
      await provider.close?.();
      return provider.read({ path }, call());
    },
  },
};

/** What no driver has to give, unless its harness shows that it does. */
const unlessGiven: { readonly [Code in ErrorCode]?: string } = {
  decode: "the client decodes, a driver does not",
  unsupported: "the client refuses what the provider has not, before any call",
  closed: "nothing to close",
};

/** Codes after which the reader has to change something, and so has to be told what. */
const wantsHint: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "permission-denied",
  "unauthenticated",
  "invalid-argument",
  "conflict",
]);

const excuse = (harness: Harness, code: ErrorCode) => harness.notApplicable?.find(({ codes }) => codes.includes(code))?.reason;

async function drive(context: CaseContext, code: ErrorCode, situation: Situation): Promise<void> {
  const { run } = await context.open(situation);
  // Enough for any answer that comes; where none comes, soon over.
  const deadlineMs = code === "timeout" ? 300 : 10_000;
  check(code, await failsWith(within(deadlineMs + 2_000, run(context.call({ deadlineMs })), "the failing call"), code));
}

function check(code: ErrorCode, error: { readonly hint?: string }): void {
  if (wantsHint.has(code)) assert.ok(error.hint, `an error ${code} comes with a hint: what its reader can do`);
}

/** The title of the case that drives a code. */
export const codeTitle = (code: ErrorCode): string => `the error ${code} is given`;

export const errorCases: readonly ConformanceCase[] = errorCodes.map((code) => ({
  behaviour,
  title: codeTitle(code),
  notApplicable(provider, harness) {
    const own = drives[code];
    const driven = harness.breakIt?.[code] !== undefined || (own !== undefined && own.notApplicable?.(provider) === undefined);
    return driven ? undefined : (excuse(harness, code) ?? unlessGiven[code]);
  },
  async run(context) {
    const { harness, provider } = context;
    const own = drives[code];
    const ownApplies = own !== undefined && own.notApplicable?.(provider) === undefined;
    const given = harness.breakIt?.[code];
    assert.ok(excuse(harness, code) === undefined, `notApplicable excuses ${code}, which is driven: take it out`);
    assert.ok(given || ownApplies, `nothing drives ${code}: add breakIt["${code}"], or its reason to notApplicable`);
    if (ownApplies) check(code, await failsWith(own.run(context), code));
    if (given) await drive(context, code, await given());
  },
}));
