import assert from "node:assert/strict";
import { failsWith, holds } from "./assertions.ts";
import type { CaseContext, ConformanceCase } from "./conformance-case.ts";

const behaviour = "names";

/** Two names that a driver could mix up: the first is stored, the second is not there. */
async function apart({ provider, path, content, put, call }: CaseContext, suffix: string, other: string): Promise<void> {
  const at = await path(suffix);
  const stored = content();
  await put(at, stored);
  holds(await provider.read({ path: at }, call()), stored);
  const index = at.lastIndexOf(suffix);
  assert.ok(index !== -1, "harness.path dropped what the name ends with: skip this test instead");
  const mistaken = at.slice(0, index) + other + at.slice(index + suffix.length);
  await failsWith(provider.read({ path: mistaken }, call()), "not-found", "invalid-argument");
}

/** What stands in a name, and the name it must not be taken for. */
const odd: readonly (readonly [title: string, suffix: string, other: string])[] = [
  ["a space in a name is a space", " b", "+b"],
  ["a plus sign in a name is no space", "+b", " b"],
  ["a percent sign in a name is no escape", "%41", "A"],
  ["a question mark in a name starts no query", "?version=1", ""],
  ["a hash in a name starts no fragment", "#b", ""],
  ["an ampersand and an equals sign in a name are no parameters", "&b=c", ""],
  ["a slash in a name is part of it", "/b/c", ""],
  ["a backslash in a name is no slash", "\\b", "/b"],
  ["a comma in a name is part of it", ",b", ""],
  ["letters of every script stand in a name, and composed ones are not decomposed", "-ключ-鍵-🔑-\u00e9", "-ключ-鍵-🔑-e\u0301"],
  ["upper and lower case are different names", "-Case", "-case"],
];

export const nameCases: readonly ConformanceCase[] = [
  ...odd.map(
    ([title, suffix, other]): ConformanceCase => ({ behaviour, title, run: (context) => apart(context, suffix, other) }),
  ),
  {
    behaviour,
    title: "names that every object has, such as constructor, are not there until they are stored",
    async run({ harness, provider, call }) {
      for (const name of ["constructor", "toString", "hasOwnProperty"]) {
        await failsWith(provider.read({ path: harness.path?.(name) ?? name }, call()), "not-found");
      }
    },
  },
  {
    behaviour,
    title: "__proto__ is a name like any other",
    async run({ harness, provider, content, put, call }) {
      const path = harness.path?.("__proto__") ?? "__proto__";
      const stored = content();
      await harness.prepare?.(path);
      await put(path, stored);
      holds(await provider.read({ path }, call()), stored);
      assert.equal(({} as Record<string, unknown>).value, undefined, "a prototype was changed");
    },
  },
  {
    behaviour,
    title: "dot segments lead to no other secret",
    async run({ provider, path, stored, call }) {
      const { path: other } = await stored();
      const start = await path();
      for (const dots of ["/../", "/./../", "/%2e%2e/", "\\..\\"]) {
        await failsWith(provider.read({ path: `${start}${dots}${other}` }, call()), "not-found", "invalid-argument");
      }
      const name = other.slice(other.lastIndexOf("/") + 1);
      await failsWith(provider.read({ path: `${start}/../${name}` }, call()), "not-found", "invalid-argument");
    },
  },
];
