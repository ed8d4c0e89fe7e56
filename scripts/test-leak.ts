// Runs the leak suite and closes with one line that says what it came to.
import { startVitest } from "vitest/node";
import { encodings } from "../test/leak/encodings.ts";
import "../test/leak/task-meta.ts";

const vitest = await startVitest("test", [], { project: "leak", run: true });
const results = vitest.state
  .getTestModules()
  .flatMap((module) => [...module.children.allTests()].flatMap((test) => test.meta().leak ?? []));
await vitest.close();
const leaks = results.reduce((sum, result) => sum + result.leaks, 0);
const control = results.filter((result) => result.controlLeaks).length;
if (leaks > 0 || results.length === 0) process.exitCode = 1;
console.log(`${results.length} sinks × ${encodings.length} encodings: ${leaks} leaks; control: ${control} leaks`);
