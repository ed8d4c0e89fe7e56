import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, it } from "vitest";
import { writeMount } from "./kubelet-writer.ts";

const files = 5;
const swaps = 500;
const children: ChildProcess[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function start(program: string, ...args: readonly string[]): ChildProcess {
  const child = fork(path.join(import.meta.dirname, program), [...args], { execArgv: ["--conditions=@keyhold/source"] });
  children.push(child);
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  if (child.connected) child.disconnect();
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}

interface Counts {
  readonly whole: number;
  readonly mixed: number;
  readonly failed: number;
}

/** What a reader says last. */
function countsOf(child: ChildProcess): () => Counts {
  let last: Counts = { whole: 0, mixed: 0, failed: 0 };
  child.on("message", (counts) => {
    last = counts as Counts;
  });
  return () => last;
}

it(`a set is never mixed while another process swaps it ${swaps} times; files read one by one are`, async () => {
  const directory = mkdtempSync(path.join(tmpdir(), "keyhold-swaps-"));
  folders.push(directory);
  const mount = path.join(directory, "db");
  writeMount(mount, Object.fromEntries(Array.from({ length: files }, (_, index) => [`file-${index}`, "0"])));
  const volumes = [1, 2].map(() => countsOf(start("fixtures/read-mount.ts", mount, "volume")));
  const naive = countsOf(start("fixtures/read-mount.ts", mount, "naive"));
  const total = () => {
    const all = volumes.map((counts) => counts());
    return { whole: sum(all, "whole"), mixed: sum(all, "mixed"), failed: sum(all, "failed") };
  };
  await expect.poll(() => total().whole > 0 && naive().whole > 0).toBe(true);
  const writer = start("fixtures/swap-mount.ts", mount, String(files));
  let generation = 0;
  writer.on("message", (value) => {
    generation = Number(value);
  });
  await expect
    .poll(() => generation >= swaps && naive().mixed + naive().failed > 0 && total().whole > 20, {
      timeout: 90_000,
      interval: 100,
    })
    .toBe(true);
  const [ours, theirs] = [total(), naive()];
  console.log(
    `kubernetes-volume: ${generation} swaps; volume(): ${ours.whole} sets whole, ${ours.mixed} mixed, ${ours.failed} failed; ` +
      `naive reader: ${theirs.whole} whole, ${theirs.mixed} mixed, ${theirs.failed} failed`,
  );
  expect(ours).toMatchObject({ mixed: 0, failed: 0 });
  expect(theirs.mixed + theirs.failed).toBeGreaterThan(0);
});

const sum = (all: readonly Counts[], name: keyof Counts) => all.reduce((total, counts) => total + counts[name], 0);
