// Runs the leak suite and each adapter's search of its failures, and closes with two lines that say what they came to.
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { startVitest } from "vitest/node";
import { encodings } from "../test/leak/encodings.ts";
import "../test/leak/task-meta.ts";

/** What an adapter's `leaks.test.ts` leaves behind. */
interface AdapterLeaks {
  readonly adapter: string;
  readonly failures: number;
  readonly leaks: number;
  readonly bareSdkLeaks: number;
}

const folder = path.resolve(import.meta.dirname, "../node_modules/.cache/keyhold/leaks");
// What an earlier run found says nothing about this one.
rmSync(folder, { recursive: true, force: true });

const vitest = await startVitest("test", ["test/leak/", "test/leaks.test.ts"], { project: ["leak", "unit"], run: true });
const modules = vitest.state.getTestModules();
const results = modules.flatMap((module) => [...module.children.allTests()].flatMap((test) => test.meta().leak ?? []));
const expected = modules.filter(({ moduleId }) => path.basename(moduleId) === "leaks.test.ts").length;
await vitest.close();
const adapters = readAdapters();

const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0);
const leaks = sum(results.map((result) => result.leaks));
const control = results.filter((result) => result.controlLeaks).length;
// What each of them has been through at least; their own lines above say how many it was.
const failures = Math.min(...adapters.map((one) => one.failures));
const adapterLeaks = sum(adapters.map((one) => one.leaks));
const bareSdkLeaks = sum(adapters.map((one) => one.bareSdkLeaks));
if (leaks + adapterLeaks > 0 || results.length === 0 || expected === 0 || adapters.length !== expected) process.exitCode = 1;
console.log(`${results.length} sinks × ${encodings.length} encodings: ${leaks} leaks; control: ${control} leaks`);
console.log(`${adapters.length} adapters × ${failures} failures: ${adapterLeaks} leaks; bare SDKs: ${bareSdkLeaks} leaks`);

function readAdapters(): readonly AdapterLeaks[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => JSON.parse(readFileSync(path.join(folder, name), "utf8")));
}
