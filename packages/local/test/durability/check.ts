import assert from "node:assert/strict";
import { callContext } from "@keyhold/testing";
import type { ReadsAndWrites } from "../naive-store.ts";
import type { TemporaryStore } from "../temporary-store.ts";
import { type Line, numberedValue, type Task } from "../writer.ts";

/** The store that is checked: ours, or the naive one that must not pass. */
export interface Subject {
  readonly store: Task["store"];
  open(files: TemporaryStore): ReadsAndWrites;
}

/** How much is done: little in every `npm test`, all of it with `KEYHOLD_SLOW=1`. */
export interface Effort {
  readonly writesEach: number;
  readonly addsEach: number;
  readonly killsInWindow: number;
  readonly randomKills: number;
}

/** One thing that a durable store does. The same for every subject. */
export interface Check {
  readonly title: string;
  /** Why it cannot be done on this machine, as this user. */
  readonly skip?: () => string | undefined;
  /** Throws when the store fails it. Gives a figure worth printing, or nothing. */
  run(subject: Subject, files: TemporaryStore, effort: Effort): Promise<string | undefined>;
}

export const secret = "checked";

export const taskFor = (subject: Subject, files: TemporaryStore): Pick<Task, "store" | "path" | "identityPath" | "secret"> => ({
  store: subject.store,
  path: files.path,
  identityPath: files.identityPath,
  secret,
});

export const writesIn = (lines: readonly Line[]): readonly Extract<Line, { did: "write" }>[] =>
  lines.flatMap((line) => (line.did === "write" ? [line] : []));

export async function put(store: ReadsAndWrites, value: string): Promise<string> {
  return (await store.write({ path: secret }, { kind: "opaque", value }, {}, callContext({ deadlineMs: 60_000 }))).version;
}

export async function currentText(store: ReadsAndWrites): Promise<string> {
  const { content } = await store.read({ path: secret }, callContext());
  assert.ok(content.kind === "opaque" && typeof content.value === "string");
  return content.value;
}

/** The number of a numbered value, which must be whole. */
export async function wholeNumber(store: ReadsAndWrites, bytes: number): Promise<number> {
  const value = await currentText(store);
  const number = Number(value.split(":", 1)[0]);
  assert.ok(value === numberedValue(number, bytes), "a value that was read is not whole");
  return number;
}
