#!/usr/bin/env node
import { quietExperimentalWarnings } from "./quiet-experimental-warnings.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`keyhold: unsupported: this is Node ${process.versions.node}\nhint: Keyhold needs Node 22.18 or newer.\n`);
  process.exitCode = 1;
} else {
  quietExperimentalWarnings();
  const refuseToEndEarly = () => {
    process.stderr.write("keyhold: unknown: something never answered, so this ended before it was done\n");
    process.exitCode = 1;
  };
  process.once("exit", refuseToEndEarly);
  // Imported here, as an older Node would fail on the imports themselves. The status is set instead of calling process.exit,
  // which would cut off output that a pipe has not taken yet.
  import("./main.ts")
    .then(({ main }) => main(process.argv.slice(2)))
    .then((status) => {
      process.off("exit", refuseToEndEarly);
      process.exitCode = status;
    });
}
