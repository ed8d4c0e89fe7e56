import assert from "node:assert/strict";
import type { Page, Provider, VersionSummary } from "@keyhold/core";
import { findLeak } from "../find-leak.ts";
import { allPages } from "./all-pages.ts";
import { failsWith, holds, isTime } from "./assertions.ts";
import { anyOf, type CaseContext, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "versions";
const hasVersions = ({ features }: Provider) => (features.versions ? undefined : "the backend keeps no older versions");

/** Stores `count` contents one after the other, and gives them with their versions, oldest first. */
async function history({ provider, path, content, put, call }: CaseContext, count: number) {
  const at = await path();
  const entries = [];
  for (let index = 0; index < count; index++) {
    const stored = content();
    await put(at, stored);
    entries.push({ content: stored, version: (await provider.read({ path: at }, call())).version });
  }
  return { path: at, entries };
}

const pages = ({ provider, call }: CaseContext, path: string) =>
  allPages((query): Promise<Page<VersionSummary>> => provider.versions!(path, query, call()));

export const versionCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "each version gives the content that it was stored with",
    notApplicable: hasVersions,
    async run(context) {
      const { path, entries } = await history(context, 3);
      for (const { version, content } of entries) {
        const record = await context.provider.read({ path, version }, context.call());
        holds(record, content);
        assert.equal(record.version, version);
      }
    },
  },
  {
    behaviour,
    title: "a version that is not there is not-found, never the current one",
    notApplicable: hasVersions,
    async run(context) {
      // The third version of one secret is well-formed, and no version of a secret that has one.
      const { entries } = await history(context, 3);
      const { path } = await context.stored();
      await failsWith(context.provider.read({ path, version: entries[2]!.version }, context.call()), "not-found");
    },
  },
  {
    behaviour,
    title: "versions are listed newest first, with states and times",
    notApplicable: needs("versions"),
    async run(context) {
      const { path, entries } = await history(context, 3);
      const listed = await pages(context, path);
      assert.deepEqual(
        listed.map(({ version }) => version),
        entries.map(({ version }) => version).reverse(),
      );
      for (const { state, createdAt } of listed) {
        assert.equal(state, "enabled");
        isTime(createdAt, "createdAt");
      }
    },
  },
  {
    behaviour,
    title: "a list of versions shows no value",
    notApplicable: needs("versions"),
    async run(context) {
      const { path } = await history(context, 2);
      assert.equal(findLeak(await pages(context, path), context.secrets()), undefined, "a value stands in the list");
    },
  },
  {
    behaviour,
    title: "pages of versions lose none and repeat none",
    notApplicable: needs("versions"),
    async run(context) {
      const { path, entries } = await history(context, context.harness.pageItems ?? 7);
      const listed = (await pages(context, path)).map(({ version }) => version);
      assert.deepEqual(listed, entries.map(({ version }) => version).reverse());
    },
  },
  {
    behaviour,
    title: "the versions of what is not there are not-found",
    notApplicable: needs("versions"),
    async run({ provider, path, call }) {
      await failsWith(provider.versions!(await path(), {}, call()), "not-found");
    },
  },
  {
    behaviour,
    title: "removing one version leaves the others",
    notApplicable: anyOf(hasVersions, needs("remove")),
    async run(context) {
      const { path, entries } = await history(context, 3);
      const { provider, call } = context;
      await provider.remove!({ path, version: entries[1]!.version }, {}, call());
      await failsWith(provider.read({ path, version: entries[1]!.version }, call()), "not-found");
      holds(await provider.read({ path, version: entries[0]!.version }, call()), entries[0]!.content);
      holds(await provider.read({ path }, call()), entries[2]!.content);
    },
  },
];
