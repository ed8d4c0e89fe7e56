import assert from "node:assert/strict";
import { findLeak } from "../find-leak.ts";
import { allPages } from "./all-pages.ts";
import { holds, isTime, isVersion } from "./assertions.ts";
import { type CaseContext, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "list";

const pages = ({ provider, call }: CaseContext, prefix: string) =>
  allPages((query) => provider.list!({ prefix, ...query }, call()));

/** Secrets whose paths start alike, and what they start with. */
async function family({ stored }: CaseContext, count: number) {
  const members = [];
  for (let index = 0; index < count; index++) members.push(await stored());
  const [first, ...rest] = members.map(({ path }) => path);
  let prefix = first ?? "";
  while (!rest.every((path) => path.startsWith(prefix))) prefix = prefix.slice(0, -1);
  return { members, prefix };
}

export const listCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "a list under a prefix has every path that starts with it, and no other",
    notApplicable: needs("list"),
    async run(context) {
      const { members } = await family(context, 2);
      const inside = await context.stored("-inside");
      const paths = (await pages(context, inside.path.slice(0, -2))).map(({ path }) => path);
      assert.deepEqual(paths, [inside.path]);
      for (const { path } of members) assert.ok((await pages(context, path)).some((item) => item.path === path));
    },
  },
  {
    behaviour,
    title: "a list under an empty prefix has all",
    notApplicable: needs("list"),
    async run(context) {
      const { members } = await family(context, 2);
      const paths = new Set((await pages(context, "")).map(({ path }) => path));
      for (const { path } of members) assert.ok(paths.has(path), "a secret is missing from the list of all");
    },
  },
  {
    behaviour,
    title: "a prefix that nothing starts with gives an empty page",
    notApplicable: needs("list"),
    async run(context) {
      assert.deepEqual(await pages(context, await context.path("-nothing")), []);
    },
  },
  {
    behaviour,
    title: "a listed path can be read, and its version and times are right where they are given",
    notApplicable: needs("list"),
    async run(context) {
      const { path, content } = await context.stored();
      const [item] = await pages(context, path);
      assert.ok(item, "the secret is missing from the list");
      const record = await context.provider.read({ path: item.path }, context.call());
      holds(record, content);
      if (item.version !== undefined) {
        isVersion(item.version);
        assert.equal(item.version, record.version);
      }
      isTime(item.createdAt, "createdAt");
      isTime(item.updatedAt, "updatedAt");
    },
  },
  {
    behaviour,
    title: "a list shows no value",
    notApplicable: needs("list"),
    async run(context) {
      const { prefix } = await family(context, 2);
      assert.equal(findLeak(await pages(context, prefix), context.secrets()), undefined, "a value stands in the list");
    },
  },
  {
    behaviour,
    title: "pages of a list lose none and repeat none",
    notApplicable: needs("list"),
    async run(context) {
      const { members, prefix } = await family(context, context.harness.pageItems ?? 7);
      const listed = (await pages(context, prefix)).map(({ path }) => path);
      assert.deepEqual(listed.toSorted(), members.map(({ path }) => path).toSorted());
    },
  },
  {
    behaviour,
    title: "what was removed is listed no more",
    notApplicable: needs("list", "remove"),
    async run(context) {
      const { path } = await context.stored();
      await context.provider.remove!({ path }, {}, context.call());
      assert.deepEqual(await pages(context, path), []);
    },
  },
];
