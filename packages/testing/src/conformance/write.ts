import assert from "node:assert/strict";
import type { Provider } from "@keyhold/core";
import { failsWith, holds } from "./assertions.ts";
import { anyOf, type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "write";
const compares = ({ features }: Provider) => (features.compareAndSet ? undefined : "the backend has no compare-and-set");
const comparesWrites = anyOf(needs("write"), compares);

export const writeCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "a write creates the secret, the next one replaces it",
    notApplicable: needs("write"),
    async run({ provider, path, content, call }) {
      const at = await path();
      for (const written of [content(), content()]) {
        await provider.write!({ path: at }, written, {}, call());
        holds(await provider.read({ path: at }, call()), written);
      }
    },
  },
  {
    behaviour,
    title: "an empty value is kept as empty, or refused where the harness says so",
    async run({ provider, harness, path, content, put, call }) {
      const at = await path();
      if (harness.emptyRefused) {
        if (provider.write) await failsWith(provider.write({ path: at }, content(""), {}, call()), "invalid-argument");
        return;
      }
      await put(at, content(""));
      holds(await provider.read({ path: at }, call()), content(""));
    },
  },
  {
    behaviour,
    title: "an equal value written again is a new version, or none where the harness says so",
    notApplicable: needs("write"),
    async run({ provider, harness, path, content, call }) {
      const at = await path();
      const same = content();
      const first = await provider.write!({ path: at }, same, {}, call());
      const second = await provider.write!({ path: at }, same, {}, call());
      assert.equal(
        second.version === first.version,
        harness.equalValueKept !== undefined,
        "a new version or none, as the harness says",
      );
    },
  },
  {
    behaviour,
    title: "a write with the current version is done",
    notApplicable: comparesWrites,
    async run({ provider, path, content, call }) {
      const at = await path();
      const next = content();
      const { version } = await provider.write!({ path: at }, content(), { ifVersion: null }, call());
      await provider.write!({ path: at }, next, { ifVersion: version }, call());
      holds(await provider.read({ path: at }, call()), next);
    },
  },
  {
    behaviour,
    title: "a write with an older version is a conflict and changes nothing",
    notApplicable: comparesWrites,
    async run({ provider, path, content, call }) {
      const at = await path();
      const current = content();
      const { version } = await provider.write!({ path: at }, content(), {}, call());
      await provider.write!({ path: at }, current, {}, call());
      await failsWith(provider.write!({ path: at }, content(), { ifVersion: version }, call()), "conflict");
      holds(await provider.read({ path: at }, call()), current);
    },
  },
  {
    behaviour,
    title: "a write with a version where nothing is, is a conflict and creates nothing",
    notApplicable: comparesWrites,
    async run({ provider, path, content, call }) {
      const { version } = await provider.write!({ path: await path() }, content(), {}, call());
      const at = await path();
      await failsWith(provider.write!({ path: at }, content(), { ifVersion: version }, call()), "conflict");
      await failsWith(provider.read({ path: at }, call()), "not-found");
    },
  },
  {
    behaviour,
    title: "a write that wants nothing there is a conflict where something is",
    notApplicable: comparesWrites,
    async run({ provider, path, content, call }) {
      const at = await path();
      const current = content();
      await provider.write!({ path: at }, current, {}, call());
      await failsWith(provider.write!({ path: at }, content(), { ifVersion: null }, call()), "conflict");
      holds(await provider.read({ path: at }, call()), current);
    },
  },
  {
    behaviour,
    title: "of eight writes at once on the same version exactly one is done",
    notApplicable: comparesWrites,
    async run({ provider, path, content, call }) {
      const at = await path();
      const { version } = await provider.write!({ path: at }, content(), {}, call());
      const contents = Array.from({ length: 8 }, () => content());
      const outcomes = await Promise.allSettled(
        contents.map((one) => provider.write!({ path: at }, one, { ifVersion: version }, call())),
      );
      const won = outcomes.flatMap((outcome, index) => (outcome.status === "fulfilled" ? [index] : []));
      assert.equal(won.length, 1, `${won.length} of 8 writes on one version were done`);
      for (const outcome of outcomes) if (outcome.status === "rejected") assert.equal(outcome.reason.code, "conflict");
      holds(await provider.read({ path: at }, call()), contents[won[0]!]!);
    },
  },
  {
    behaviour,
    title: "the same idempotency key and content write once",
    notApplicable: needs("write"),
    async run({ provider, path, content, call }) {
      const at = await path();
      const once = content();
      const idempotencyKey = crypto.randomUUID();
      const first = await provider.write!({ path: at }, once, { idempotencyKey }, call());
      const second = await provider.write!({ path: at }, once, { idempotencyKey }, call());
      assert.equal(second.version, first.version);
      assert.equal((await provider.read({ path: at }, call())).version, first.version);
    },
  },
  {
    behaviour,
    title: "labels that are written are read",
    notApplicable: needs("write"),
    async run({ provider, path, content, call }) {
      const at = await path();
      await provider.write!({ path: at }, content(), { labels: { team: "kit" } }, call());
      const { labels } = await provider.read({ path: at }, call());
      assert.equal(labels?.team, "kit");
    },
  },
  {
    behaviour,
    title: "what was written belongs to the backend: changing the bytes afterwards changes nothing",
    notApplicable: anyOf(needs("write"), ({ features }) => (features.binary ? undefined : "the backend holds text only")),
    async run({ provider, path, call }) {
      const at = await path();
      const bytes = new Uint8Array([1, 2, 3, 254, 255]);
      const asContent = (value: Uint8Array) =>
        provider.features.fields ? ({ kind: "fields", fields: { value } } as const) : ({ kind: "opaque", value } as const);
      await provider.write!({ path: at }, asContent(bytes), {}, call());
      const before = bytes.slice();
      bytes.fill(0);
      holds(await provider.read({ path: at }, call()), asContent(before));
    },
  },
];
