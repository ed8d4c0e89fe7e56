import assert from "node:assert/strict";
import { inspect } from "node:util";
import { isSecretsError, type SecretRecord } from "@keyhold/core";
import { findLeak } from "../find-leak.ts";
import { failsWith, holds, isTime, isVersion } from "./assertions.ts";
import { type ConformanceCase, needs } from "./conformance-case.ts";

const behaviour = "read";

export const readCases: readonly ConformanceCase[] = [
  {
    behaviour,
    title: "what is stored is what is read, with a version",
    async run({ provider, stored, call }) {
      const { path, content } = await stored();
      holds(await provider.read({ path }, call()), content);
    },
  },
  {
    behaviour,
    title: "what is not there is not-found, never null or empty",
    async run({ provider, path, call }) {
      await failsWith(provider.read({ path: await path() }, call()), "not-found");
    },
  },
  {
    behaviour,
    title: "every script, quotes, line breaks and a last newline arrive as they are",
    async run({ provider, path, content, put, call }) {
      const at = await path();
      const text = content(`\ufeffschlüssel ключ 鍵 🔑 e\u0301 "quoted" 'single' \\ back\tslash %41 \${HOME}\r\nsecond line\n`);
      await put(at, text);
      holds(await provider.read({ path: at }, call()), text);
    },
  },
  {
    behaviour,
    title: "JSON text is given back letter for letter",
    notApplicable: ({ features }) => (features.fields ? "the backend holds fields, not text" : undefined),
    async run({ provider, path, content, put, call }) {
      const at = await path();
      const text = content('{ "b" : 1.0,  "a":12345678901234567890, "__proto__": {"x":1}, "a": null }\n');
      await put(at, text);
      holds(await provider.read({ path: at }, call()), text);
    },
  },
  {
    behaviour,
    title: "fields with any name keep their values",
    notApplicable: ({ features }) => (features.fields ? undefined : "the backend holds no fields"),
    async run({ provider, path, value, put, call }) {
      const at = await path();
      // Spelt as JSON, because a literal would set the prototype.
      const fields = JSON.parse(
        `{"password":"${value()}","__proto__":"${value()}","constructor":"${value()}","user.name_1-a":"root"}`,
      );
      const content = { kind: "fields", fields } as const;
      await put(at, content);
      holds(await provider.read({ path: at }, call()), content);
    },
  },
  {
    behaviour,
    title: "fields keep their JSON types",
    notApplicable: ({ features }) => (features.fields ? undefined : "the backend holds no fields"),
    async run({ provider, path, put, call }) {
      const at = await path();
      const content = {
        kind: "fields",
        fields: { port: 5432, ratio: 0.5, on: true, none: null, list: ["a", 1], deep: { er: { x: "" } } },
      } as const;
      await put(at, content);
      holds(await provider.read({ path: at }, call()), content);
    },
  },
  {
    behaviour,
    title: "the version stays while nothing changes",
    async run({ provider, stored, call }) {
      const { path } = await stored();
      const first = await provider.read({ path }, call());
      const second = await provider.read({ path }, call());
      assert.equal(second.version, first.version);
    },
  },
  {
    behaviour,
    title: "different content has a different version",
    async run({ provider, path, content, put, call }) {
      const at = await path();
      await put(at, content());
      const first = await provider.read({ path: at }, call());
      await put(at, content());
      const second = await provider.read({ path: at }, call());
      assert.notEqual(second.version, first.version);
    },
  },
  {
    behaviour,
    title: "times are in milliseconds since 1970",
    async run({ provider, stored, call }) {
      const { path } = await stored();
      const record = await provider.read({ path }, call());
      isTime(record.createdAt, "createdAt");
      if (record.expiresAt !== undefined)
        assert.ok(record.expiresAt > 1e12, `expiresAt is not in milliseconds: ${record.expiresAt}`);
    },
  },
  {
    behaviour,
    title: "what is read belongs to the caller: changing it changes nothing stored",
    async run({ provider, stored, call }) {
      const { path, content } = await stored();
      const { content: mine } = await provider.read({ path }, call());
      if (mine.kind === "fields") {
        const fields = mine.fields as Record<string, unknown>;
        for (const value of Object.values(fields)) if (value instanceof Uint8Array) value.fill(0);
        fields.value = "changed";
      } else if (mine.value instanceof Uint8Array) mine.value.fill(0);
      holds(await provider.read({ path }, call()), content);
    },
  },
  {
    behaviour,
    title: "many are read in order, each failure in its own place",
    notApplicable: needs("readMany"),
    async run({ provider, path, stored, call }) {
      const a = await stored();
      const b = await stored();
      const outcomes = await provider.readMany?.(
        [{ path: b.path }, { path: await path() }, { path: a.path }, { path: b.path }],
        call(),
      );
      assert.equal(outcomes?.length, 4);
      const [first, missing, third, fourth] = outcomes as SecretRecord[];
      holds(first!, b.content);
      holds(third!, a.content);
      holds(fourth!, b.content);
      assert.ok(
        isSecretsError(missing, "not-found"),
        `the missing one is a SecretsError not-found, not ${inspect(missing, { depth: 0 })}`,
      );
    },
  },
  {
    behaviour,
    title: "none are read as none",
    notApplicable: needs("readMany"),
    async run({ provider, call }) {
      assert.deepEqual(await provider.readMany?.([], call()), []);
    },
  },
  {
    behaviour,
    title: "thirty are read at once, whatever a batch holds",
    notApplicable: needs("readMany"),
    async run({ provider, stored, call }) {
      const secrets = [];
      for (let count = 0; count < 30; count++) secrets.push(await stored());
      const outcomes = (await provider.readMany?.(secrets, call())) ?? [];
      assert.equal(outcomes.length, secrets.length);
      for (const [index, { content }] of secrets.entries()) holds(outcomes[index] as SecretRecord, content);
    },
  },
  {
    behaviour,
    title: "a probe gives the version that read gives, before and after a change",
    notApplicable: needs("probe"),
    async run({ provider, path, content, put, call }) {
      const at = await path();
      for (const _ of [1, 2]) {
        await put(at, content());
        const probed = await provider.probe?.({ path: at }, call());
        assert.equal(probed?.version, (await provider.read({ path: at }, call())).version);
      }
    },
  },
  {
    behaviour,
    title: "a probe of what is not there is not-found",
    notApplicable: needs("probe"),
    async run({ provider, path, call }) {
      await failsWith(provider.probe!({ path: await path() }, call()), "not-found");
    },
  },
  {
    behaviour,
    title: "a stage gives the version that it stands on, a missing one is not-found",
    notApplicable: ({ features }) => (features.stages ? undefined : "the backend has no stages"),
    async run({ provider, harness, stored, call }) {
      assert.ok(harness.stage, "the harness needs stage, as the backend has stages");
      const { path, content } = await stored();
      holds(await provider.read({ path, stage: harness.stage }, call()), content);
      await failsWith(provider.read({ path, stage: "KEYHOLDMISSING" }, call()), "not-found");
    },
  },
  {
    behaviour,
    title: "a check answers, and neither it nor the printed provider shows a credential",
    async run({ harness, provider, stored, call, secrets }) {
      const { path } = await stored();
      // The driver itself, as it is after a call, and not the kit's view of it.
      const bare = await harness.create();
      try {
        await bare.read({ path }, call()).catch(() => undefined);
        assert.equal(findLeak(bare, secrets()), undefined, "printing the provider shows a value or a credential");
      } finally {
        await bare.close?.();
      }
      const report = await provider.check?.(call());
      assert.equal(findLeak(report, secrets()), undefined, "the check shows a value or a credential");
      isTime(report?.serverTimeAt, "serverTimeAt");
      if (provider.check) assert.ok(typeof report === "object" && report !== null, "the check gave no report");
    },
  },
  {
    behaviour,
    title: "what write calls the version is what read calls it",
    notApplicable: needs("write"),
    async run({ provider, path, content, call }) {
      const at = await path();
      const written = await provider.write?.({ path: at }, content(), {}, call());
      isVersion(written?.version);
      assert.equal((await provider.read({ path: at }, call())).version, written.version);
    },
  },
];
