import assert from "node:assert/strict";
import type { Provider } from "@keyhold/core";
import { callContext } from "@keyhold/core";

import type { Harness } from "../harness.ts";
import type { CaseContext } from "./conformance-case.ts";
import { errorProblem, observe } from "./observe.ts";

/** Opens what a case works with. `finish` closes it, and fails for errors that carried what they must not. */
export async function openCase(harness: Harness): Promise<{ readonly context: CaseContext; finish(): Promise<void> }> {
  const run = Math.random().toString(36).slice(2, 8).padEnd(6, "0");
  const cleanups: (() => unknown)[] = [];
  const values: string[] = [];
  const canaries = harness.canaries?.() ?? [];
  const given: { readonly error: unknown; readonly method: string }[] = [];
  let count = 0;

  for (const canary of canaries) assert.ok(canary.length >= 8, "a canary of fewer than 8 characters is found by chance");

  const secrets = () => [...values, ...canaries];
  const watched = (provider: Provider) => {
    cleanups.push(() => provider.close?.());
    return observe(provider, (error, method) => given.push({ error, method }));
  };
  const create = async () => watched(await harness.create());
  const provider = await create();

  const context: CaseContext = {
    harness,
    provider,
    create,
    async open(situation) {
      cleanups.push(() => situation.end?.());
      const broken = watched(situation.provider);
      const locator = situation.locator ?? { path: await context.path() };
      return {
        provider: broken,
        run: async (call) => (situation.call ? situation.call(broken, call) : broken.read(locator, call)),
      };
    },
    nameOf(suffix = "") {
      const name = `kit-${run}-${++count}${suffix}`;
      return harness.path?.(name) ?? name;
    },
    async path(suffix) {
      const path = context.nameOf(suffix);
      await harness.prepare?.(path);
      return path;
    },
    value() {
      const value = `canary-${run}-${Math.random().toString(36).slice(2)}-${++count}`;
      values.push(value);
      return value;
    },
    content(text = context.value()) {
      return provider.features.fields ? { kind: "fields", fields: { value: text } } : { kind: "opaque", value: text };
    },
    async put(path, content, by = provider) {
      if (harness.seed) return void (await harness.seed(path, content));
      assert.ok(by.write, "the provider cannot write, so the harness needs seed");
      await by.write({ path }, content, {}, context.call());
    },
    async stored(suffix) {
      const stored = { path: await context.path(suffix), content: context.content() };
      await context.put(stored.path, stored.content);
      return stored;
    },
    call: callContext,
    secrets,
  };

  return {
    context,
    async finish() {
      for (const cleanup of cleanups.reverse()) await cleanup();
      for (const { error, method } of given) {
        const problem = errorProblem(error, secrets());
        assert.ok(problem === undefined, `an error from ${method}: ${problem}`);
      }
    },
  };
}
