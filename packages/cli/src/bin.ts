#!/usr/bin/env node
import { quietExperimentalWarnings } from "./quiet-experimental-warnings.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(`keyhold: unsupported: this is Node ${process.versions.node}\nhint: Keyhold needs Node 22.18 or newer.\n`);
  process.exitCode = 1;
} else {
  quietExperimentalWarnings();
  // Imported here, as an older Node would fail on the imports themselves.
  import("./main.ts").then(({ main }) => main(process.argv.slice(2)));
}
