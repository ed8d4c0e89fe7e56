import assert from "node:assert/strict";
import { callContext } from "@keyhold/testing";
import { runWriter } from "../run-writer.ts";
import { type Check, currentText, put, taskFor, writesIn } from "./check.ts";

const writers = 8;

export const writerChecks: readonly Check[] = [
  {
    title: "8 processes that write at once lose nothing",
    async run(subject, files, { writesEach }) {
      const startedAt = performance.now();
      const all = await Promise.all(
        Array.from({ length: writers }, (_, index) =>
          runWriter({ ...taskFor(subject, files), kind: "append", secret: `writer-${index}`, count: writesEach }),
        ),
      );
      const seconds = (performance.now() - startedAt) / 1_000;
      const versions = all.flatMap((lines) => writesIn(lines).map(({ version }) => version));
      assert.equal(versions.length, writers * writesEach, "a write failed");
      // Every write takes the next number: a write that was lost shows as a number that two were given.
      const numbers = new Set(versions.map((version) => Number(version.split("-", 1)[0])));
      assert.equal(numbers.size, versions.length, "a write was lost");
      assert.equal(Math.max(...numbers), versions.length);
      const store = subject.open(files);
      for (let index = 0; index < writers; index++) {
        const { content } = await store.read({ path: `writer-${index}` }, callContext());
        assert.ok(content.kind === "opaque" && String(content.value).startsWith(`${writesEach}:`), "a last write was lost");
      }
      return `${versions.length} writes of ${writers} processes in ${seconds.toFixed(1)} s`;
    },
  },
  {
    title: "8 processes that add to one counter by compare-and-set come out exact",
    async run(subject, files, { addsEach }) {
      const store = subject.open(files);
      await put(store, "0");
      const task = { ...taskFor(subject, files), kind: "count", count: addsEach } as const;
      const all = await Promise.all(Array.from({ length: writers }, () => runWriter(task)));
      assert.equal(all.flatMap(writesIn).length, writers * addsEach, "an addition failed");
      assert.equal(await currentText(store), String(writers * addsEach));
      return `${writers * addsEach} additions`;
    },
  },
];
