import { failsWith, holds } from "./assertions.ts";
import { type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "limits";

export const limitCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "a value of the largest size arrives whole",
    async run({ provider, harness, path, content, put, call }) {
      const at = await path();
      // 16 KiB is more than one read from a socket, and below every backend's limit.
      const large = content("x".repeat(harness.maxBytes ?? 16 * 1024));
      await put(at, large);
      holds(await provider.read({ path: at }, call()), large);
    },
  },
  {
    behaviour,
    title: "a value of one byte more than the largest is invalid-argument, and the old one stays",
    notApplicable: (provider, harness) =>
      harness.maxBytes === undefined ? "the harness names no largest size" : needs("write")(provider),
    async run({ provider, harness, path, content, call }) {
      const at = await path();
      const before = content();
      await provider.write!({ path: at }, before, {}, call());
      await failsWith(
        provider.write!({ path: at }, content("x".repeat((harness.maxBytes ?? 0) + 1)), {}, call()),
        "invalid-argument",
      );
      holds(await provider.read({ path: at }, call()), before);
    },
  },
  {
    behaviour,
    title: "a path of 3,000 characters is not-found or invalid-argument",
    async run({ provider, path, call }) {
      const long = `${await path()}${"-long".repeat(600)}`;
      await failsWith(provider.read({ path: long }, call()), "not-found", "invalid-argument");
    },
  },
  {
    behaviour,
    title: "fifty reads at once all succeed",
    async run({ provider, stored, call }) {
      const { path, content } = await stored();
      const records = await Promise.all(Array.from({ length: 50 }, () => provider.read({ path }, call())));
      for (const record of records) holds(record, content);
    },
  },
];
