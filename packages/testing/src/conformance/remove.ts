import { failsWith, holds } from "./assertions.ts";
import { anyOf, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "remove";

export const removeCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "what was removed is not-found, and nothing else is gone",
    notApplicable: needs("remove"),
    async run({ provider, stored, call }) {
      const gone = await stored();
      const left = await stored();
      await provider.remove!({ path: gone.path }, {}, call());
      await failsWith(provider.read({ path: gone.path }, call()), "not-found");
      holds(await provider.read({ path: left.path }, call()), left.content);
    },
  },
  {
    behaviour,
    title: "removing what is not there is not-found",
    notApplicable: needs("remove"),
    async run({ provider, path, call }) {
      await failsWith(provider.remove!({ path: await path() }, {}, call()), "not-found");
    },
  },
  {
    behaviour,
    title: "what was removed can be written again",
    notApplicable: needs("remove", "write"),
    async run({ provider, stored, content, call }) {
      const { path } = await stored();
      const again = content();
      await provider.remove!({ path }, {}, call());
      await provider.write!({ path }, again, {}, call());
      holds(await provider.read({ path }, call()), again);
    },
  },
  {
    behaviour,
    title: "a removal with an older version is a conflict and removes nothing",
    notApplicable: anyOf(needs("remove"), ({ features }) =>
      features.compareAndSet ? undefined : "the backend has no compare-and-set",
    ),
    async run({ provider, stored, content, put, call }) {
      const { path } = await stored();
      const { version } = await provider.read({ path }, call());
      const current = content();
      await put(path, current);
      await failsWith(provider.remove!({ path }, { ifVersion: version }, call()), "conflict");
      holds(await provider.read({ path }, call()), current);
    },
  },
];
