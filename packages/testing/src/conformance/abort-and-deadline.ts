import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { type CallContext, isSecretsError, type Provider, systemClock } from "@keyhold/core";
import type { Harness } from "../harness.ts";
import { failsWith, holds, pause, promptMs, sameContent, within } from "./assertions.ts";
import { type CaseContext, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "abort and deadline";

/** Every call that the provider has, at `path`. */
function everyCall({ provider, content }: CaseContext, path: string, context: CallContext): readonly (() => Promise<unknown>)[] {
  const { readMany, probe, write, remove, list, versions, check } = provider;
  return [
    () => provider.read({ path }, context),
    ...(readMany ? [() => readMany([{ path }], context)] : []),
    ...(probe ? [() => probe({ path }, context)] : []),
    ...(write ? [() => write({ path }, content(), {}, context)] : []),
    ...(remove ? [() => remove({ path }, {}, context)] : []),
    ...(list ? [() => list({ prefix: path }, context)] : []),
    ...(versions ? [() => versions(path, {}, context)] : []),
    ...(check ? [() => check(context)] : []),
  ];
}

const hangs = (_provider: Provider, harness: Harness) =>
  harness.breakIt?.timeout
    ? undefined
    : (harness.notApplicable?.find(({ codes }) => codes.includes("timeout"))?.reason ?? "the harness has no breakIt.timeout");

async function hanging({ harness, open }: CaseContext) {
  const situation = await harness.breakIt?.timeout?.();
  assert.ok(situation);
  return open(situation);
}

export const abortCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "a call whose signal is aborted already fails as aborted and does nothing",
    async run(context) {
      const { provider, stored, call } = context;
      const { path, content } = await stored();
      for (const start of everyCall(context, path, call({ signal: AbortSignal.abort() }))) {
        await failsWith(within(promptMs, start(), "an aborted call"), "aborted");
      }
      holds(await provider.read({ path }, call()), content);
    },
  },
  {
    behaviour,
    title: "a call whose deadline has passed already fails as timeout and does nothing",
    async run(context) {
      const { provider, stored, call } = context;
      const { path, content } = await stored();
      for (const start of everyCall(context, path, call({ deadlineMs: 0 }))) {
        await failsWith(within(promptMs, start(), "a call past its deadline"), "timeout");
      }
      holds(await provider.read({ path }, call()), content);
    },
  },
  {
    behaviour,
    title: "an abort ends a call that hangs, at once and as aborted",
    notApplicable: hangs,
    async run(context) {
      const { run } = await hanging(context);
      const controller = new AbortController();
      const failed = failsWith(run(context.call({ signal: controller.signal })), "aborted");
      await Promise.race([pause(100), failed]);
      controller.abort();
      await within(promptMs, failed, "ending an aborted call");
    },
  },
  {
    behaviour,
    title: "the deadline ends a call that hangs, at once and as timeout",
    notApplicable: hangs,
    async run(context) {
      const { run } = await hanging(context);
      await within(200 + promptMs, failsWith(run(context.call({ deadlineMs: 200 })), "timeout"), "ending a call at its deadline");
    },
  },
  {
    behaviour,
    title: "an aborted call takes no other call with it",
    async run({ provider, stored, call }) {
      const { path, content } = await stored();
      const controller = new AbortController();
      const aborted = provider.read({ path }, call({ signal: controller.signal })).catch((error: unknown) => error);
      const other = provider.read({ path }, call());
      controller.abort();
      holds(await other, content);
      const outcome = await within(promptMs, aborted, "ending an aborted call");
      if (outcome instanceof Error) assert.ok(isSecretsError(outcome, "aborted"), "an aborted call fails as aborted");
    },
  },
  {
    behaviour,
    title: "calls that are over leave no listener on their signal",
    async run({ provider, stored }) {
      const { path } = await stored();
      const { signal } = new AbortController();
      const context = { signal, deadlineAt: systemClock.monotonic() + 10_000, clock: systemClock };
      for (let count = 0; count < 20; count++) await provider.read({ path }, context);
      const { length } = getEventListeners(signal, "abort");
      assert.ok(length < 10, `20 calls left ${length} listeners`);
    },
  },
  {
    behaviour,
    title: "a write that was aborted is done whole or not at all",
    notApplicable: needs("write"),
    async run({ provider, stored, content, call }) {
      const { path, content: before } = await stored();
      const after = content();
      const controller = new AbortController();
      const writing = provider.write!({ path }, after, {}, call({ signal: controller.signal })).then(
        () => after,
        (error: unknown) => {
          assert.ok(isSecretsError(error, "aborted"), "an aborted write fails as aborted");
          return undefined;
        },
      );
      controller.abort();
      const done = await within(promptMs, writing, "ending an aborted write");
      const { content: found } = await provider.read({ path }, call());
      const either = done === undefined ? [before, after] : [after];
      assert.ok(
        either.some((one) => sameContent(found, one)),
        "the value is neither the old one nor the new one",
      );
    },
  },
];
