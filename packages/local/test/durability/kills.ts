import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { ReadsAndWrites } from "../naive-store.ts";
import { startWriter } from "../run-writer.ts";
import type { TemporaryStore } from "../temporary-store.ts";
import { numberedValue, type Task } from "../writer.ts";
import { type Check, put, type Subject, taskFor, wholeNumber, writesIn } from "./check.ts";

/** So that a store of 20 versions takes several calls to write. */
const valueBytes = 6_000;

/** Reads while the writer runs: each time the old value or a new one, whole, and never an older one than before. */
async function readWhile(isRunning: () => boolean, store: ReadsAndWrites): Promise<void> {
  for (let last = 0; isRunning(); ) {
    const number = await wholeNumber(store, valueBytes);
    assert.ok(number >= last, "a reader saw an older value than before");
    last = number;
    await sleep(5);
  }
}

/** Lets a process write until it is killed. Gives what it had acknowledged, or `last`. */
async function writeUntilKilled(
  subject: Subject,
  files: TemporaryStore,
  killing: Pick<Task, "killAt" | "killAfter">,
  last: number,
): Promise<number> {
  const writer = startWriter({
    ...taskFor(subject, files),
    kind: "append",
    first: last + 1,
    count: 10_000,
    bytes: valueBytes,
    ...killing,
  });
  try {
    const isRunning = () => writer.process.exitCode === null && writer.process.signalCode === null;
    const reading = readWhile(isRunning, subject.open(files));
    // It may fail before anybody waits for it: it is asked below, once the writer has ended.
    reading.catch(() => {});
    if (killing.killAt === undefined) {
      // Once it is writing, one write after the other: a process that is still starting up is no danger to anybody.
      while (writesIn(writer.lines).length === 0 && isRunning()) await sleep(2);
      setTimeout(() => writer.process.kill("SIGKILL"), Math.random() * 40);
    }
    const [lines] = await Promise.all([writer.ended, reading]);
    assert.equal(writer.process.signalCode, "SIGKILL", "the writer ended before it was killed");
    return writesIn(lines).at(-1)?.number ?? last;
  } finally {
    writer.process.kill("SIGKILL");
  }
}

/** One kill, and a look at what it left. Gives the number of the current value. */
async function killOnce(
  subject: Subject,
  files: TemporaryStore,
  killing: Pick<Task, "killAt" | "killAfter">,
  last: number,
): Promise<number> {
  const acknowledged = await writeUntilKilled(subject, files, killing, last);
  const found = await wholeNumber(subject.open(files), valueBytes);
  assert.ok(found >= acknowledged, `write ${acknowledged} was acknowledged, and the store has ${found}`);
  assert.ok(found <= acknowledged + 1, "the store has a value that nobody wrote");
  // A new process: its first write takes the dead one's lock and clears away what that left behind.
  await put(subject.open(files), numberedValue(found + 1, valueBytes));
  const leftovers = readdirSync(path.dirname(files.path)).filter((name) => name.endsWith(".tmp"));
  assert.deepEqual(leftovers, [], "an unfinished file was left behind");
  return found + 1;
}

async function killOften(
  subject: Subject,
  files: TemporaryStore,
  times: number,
  killing: () => Pick<Task, "killAt" | "killAfter">,
): Promise<string> {
  const store = subject.open(files);
  let last = 0;
  // As many versions as a store keeps, so that it takes several calls to write it.
  while (last < 20) await put(store, numberedValue(++last, valueBytes));
  for (let kill = 0; kill < times; kill++) last = await killOnce(subject, files, killing(), last);
  return `${times} kills, ${last} writes`;
}

const windows = ["locked", "partly-written", "before-rename", "after-rename"] as const;

export const killChecks: readonly Check[] = [
  ...windows.map(
    (killAt): Check => ({
      title: `a process killed when ${killAt} loses no acknowledged write, and readers see whole values only`,
      run: (subject, files, { killsInWindow }) =>
        killOften(subject, files, killsInWindow, () => ({ killAt, killAfter: 1 + Math.floor(Math.random() * 6) })),
    }),
  ),
  {
    title: "a process killed at any moment loses no acknowledged write, and readers see whole values only",
    run: (subject, files, { randomKills }) => killOften(subject, files, randomKills, () => ({})),
  },
];
