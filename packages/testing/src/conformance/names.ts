import assert from "node:assert/strict";
import { failsWith, holds } from "./assertions.ts";
import type { CaseContext, ConformanceCase } from "./conformance-case.ts";

const behaviour = "names";

/** Asserts that a name which the backend cannot hold is refused, wherever it is used. */
async function refused({ provider, content, call }: CaseContext, path: string): Promise<void> {
  await failsWith(provider.read({ path }, call()), "not-found", "invalid-argument");
  if (provider.write) await failsWith(provider.write({ path }, content(), {}, call()), "invalid-argument");
}

const isRefused = ({ harness }: CaseContext, name: string) =>
  harness.refusedNames !== undefined && name.search(harness.refusedNames.pattern) !== -1;

/** Two names that a driver could mix up: the first is stored, the second is not there. */
async function apart(context: CaseContext, suffix: string, other: string): Promise<void> {
  const { provider, path, content, put, call, nameOf } = context;
  if (isRefused(context, suffix)) return refused(context, nameOf(suffix));
  const at = await path(suffix);
  const stored = content();
  await put(at, stored);
  holds(await provider.read({ path: at }, call()), stored);
  const index = at.lastIndexOf(suffix);
  assert.ok(index !== -1, "harness.path dropped what the name ends with: name such names in refusedNames, or skip this test");
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
    async run(context) {
      const { harness, provider, call } = context;
      for (const name of ["constructor", "toString", "hasOwnProperty"]) {
        const path = harness.path?.(name) ?? name;
        if (isRefused(context, name)) await refused(context, path);
        else await failsWith(provider.read({ path }, call()), "not-found");
      }
    },
  },
  {
    behaviour,
    title: "__proto__ is a name like any other",
    async run(context) {
      const { harness, provider, content, put, call } = context;
      const path = harness.path?.("__proto__") ?? "__proto__";
      if (isRefused(context, "__proto__")) return refused(context, path);
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
