import assert from "node:assert/strict";
import { holds, pause, promptMs, within } from "./assertions.ts";
import { type ConformanceCase, needs } from "./conformance-case.ts";
import { openHandles } from "./open-handles.ts";

const behaviour = "close";

export const closeCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "close can be called before any call, twice, and at once",
    notApplicable: needs("close"),
    async run({ create, put, path, content }) {
      const unused = await create();
      await unused.close!();
      await unused.close!();
      const used = await create();
      await put(await path(), content(), used);
      await Promise.all([used.close!(), used.close!()]);
      await used.close!();
    },
  },
  {
    behaviour,
    title: "closing one instance leaves another working",
    async run({ create, path, content, put, call }) {
      const [one, other] = [await create(), await create()];
      const at = await path();
      const stored = content();
      await put(at, stored, other);
      await one.close?.();
      holds(await other.read({ path: at }, call()), stored);
    },
  },
  {
    behaviour,
    title: "close leaves no socket, file watch or process behind",
    async run({ create, path, content, put, call }) {
      const before = openHandles();
      const used = await create();
      const at = await path();
      await put(at, content(), used);
      await Promise.all([1, 2, 3].map(() => used.read({ path: at }, call())));
      await used.close?.();
      // The other end needs a moment to notice.
      for (let waitedMs = 0; openHandles() > before && waitedMs < 3_000; waitedMs += 50) await pause(50);
      assert.ok(openHandles() <= before, `${openHandles() - before} handles are still open after close`);
    },
  },
  {
    behaviour,
    title: "close ends a watch that waits",
    notApplicable: needs("close", "watch"),
    async run({ create, path, content, put, call }) {
      const used = await create();
      const at = await path();
      await put(at, content(), used);
      const iterator = used.watch!({ path: at }, call({ deadlineMs: Infinity }))[Symbol.asyncIterator]();
      await within(5_000, iterator.next(), "telling the current version");
      const ended = iterator.next().then(
        ({ done }) => done,
        () => true,
      );
      await used.close!();
      assert.ok(await within(promptMs, ended, "ending a watch at close"), "a closed watch ends");
    },
  },
];
