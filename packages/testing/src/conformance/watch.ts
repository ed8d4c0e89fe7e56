import assert from "node:assert/strict";
import { type Change, isSecretsError, type Locator, systemClock } from "@keyhold/core";
import { pause, promptMs, within } from "./assertions.ts";
import { type CaseContext, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "watch";

interface Watching {
  /** The next change, within the time that the harness gives. */
  next(): Promise<IteratorResult<Change>>;
  /** Passes changes until one has this version. */
  until(version: string | undefined): Promise<void>;
  /** Aborts, and asserts that the watch ends. */
  stop(): Promise<void>;
}

function watching({ provider, harness, call }: CaseContext, locator: Locator): Watching {
  const controller = new AbortController();
  const iterator = provider.watch!(locator, call({ signal: controller.signal, deadlineMs: Infinity }))[Symbol.asyncIterator]();
  const withinMs = harness.watchWithinMs ?? 5_000;
  const next = () => within(withinMs, iterator.next(), "telling a change");
  return {
    next,
    async until(version) {
      // Bounded, because a watch that never waits would leave no turn to the timer.
      for (let told = 0; told < 1_000; told++) {
        const { done, value } = await next();
        assert.ok(!done, "the watch ended by itself");
        if (value.version === version) return;
      }
      assert.fail("the watch told a thousand changes, and not this one");
    },
    async stop() {
      const last = iterator.next().then(
        ({ done }) => done,
        (error: unknown) => isSecretsError(error, "aborted"),
      );
      controller.abort();
      assert.ok(await within(promptMs, last, "ending a watch"), "an aborted watch ends");
    },
  };
}

export const watchCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "a watch tells the current version first",
    notApplicable: needs("watch"),
    async run(context) {
      const { path } = await context.stored();
      const { version } = await context.provider.read({ path }, context.call());
      const watch = watching(context, { path });
      assert.deepEqual((await watch.next()).value?.version, version);
      await watch.stop();
    },
  },
  {
    behaviour,
    title: "a watch tells each new version soon",
    notApplicable: needs("watch"),
    async run(context) {
      const { path } = await context.stored();
      const watch = watching(context, { path });
      await watch.next();
      for (const _ of [1, 2]) {
        await context.put(path, context.content());
        await watch.until((await context.provider.read({ path }, context.call())).version);
      }
      await watch.stop();
    },
  },
  {
    behaviour,
    title: "a watch tells nothing while nothing changes",
    notApplicable: needs("watch"),
    async run(context) {
      const { path } = await context.stored();
      await context.stored();
      const watch = watching(context, { path });
      await watch.next();
      const told = watch.next().then(
        () => "told",
        () => "quiet",
      );
      await context.stored();
      assert.equal(await Promise.race([told, pause(300).then(() => "quiet")]), "quiet");
      await watch.stop();
    },
  },
  {
    behaviour,
    title: "a watch tells that the secret is gone, and that it is back",
    notApplicable: needs("watch", "remove"),
    async run(context) {
      const { path } = await context.stored();
      const watch = watching(context, { path });
      await watch.next();
      await context.provider.remove!({ path }, {}, context.call());
      await watch.until(undefined);
      await context.put(path, context.content());
      await watch.until((await context.provider.read({ path }, context.call())).version);
      await watch.stop();
    },
  },
  {
    behaviour,
    title: "an abort ends a watch that waits",
    notApplicable: needs("watch"),
    async run(context) {
      const { path } = await context.stored();
      const watch = watching(context, { path });
      await watch.next();
      await watch.stop();
    },
  },
  {
    behaviour,
    title: "the deadline does not end a watch",
    notApplicable: needs("watch"),
    async run(context) {
      const { path } = await context.stored();
      const { signal } = new AbortController();
      const past = { signal, deadlineAt: systemClock.monotonic() - 1, clock: systemClock };
      const iterator = context.provider.watch!({ path }, past)[Symbol.asyncIterator]();
      const withinMs = context.harness.watchWithinMs ?? 5_000;
      await within(withinMs, iterator.next(), "telling the current version");
      const told = iterator.next();
      await context.put(path, context.content());
      assert.equal((await within(withinMs, told, "telling a change")).done, false);
      await within(promptMs, Promise.resolve(iterator.return?.()), "leaving a watch");
    },
  },
  {
    behaviour,
    title: "two watches of one secret both tell a change",
    notApplicable: needs("watch"),
    async run(context) {
      const { path } = await context.stored();
      const watches = [watching(context, { path }), watching(context, { path })];
      for (const watch of watches) await watch.next();
      await context.put(path, context.content());
      const { version } = await context.provider.read({ path }, context.call());
      for (const watch of watches) await watch.until(version);
      for (const watch of watches) await watch.stop();
    },
  },
];
