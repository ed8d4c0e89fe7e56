// What importing the core costs, over an empty process and beside the cache that is inside it.
import path from "node:path";
import { buildPackage } from "../../scripts/build.ts";
import { type Package, packages } from "../../scripts/packages.ts";
import { bound, measureImports } from "./import-cost.ts";

const runs = 31;
const core = packages().find(({ folder }) => folder === "core") as Package;
await buildPackage(core);
const costs = measureImports(path.join(core.directory, "dist/index.js"), runs);
console.log(`Node ${process.versions.node}, medians of ${runs} interleaved runs\n`);
for (const { name, ms, megabytes, over } of costs) {
  const more = `${over.ms.toFixed(1).padStart(5)} ms  ${over.megabytes.toFixed(1).padStart(5)} MB`;
  const ratio = (1 + over.ms / (ms - over.ms)).toFixed(2);
  console.log(
    `${name.padEnd(16)} ${ms.toFixed(1).padStart(6)} ms ${megabytes.toFixed(1).padStart(6)} MB  over empty: ${more}  ratio ${ratio}`,
  );
}
console.log(`\nbound for @keyhold/core over an empty process: ${bound.ms} ms, ${bound.megabytes} MB`);
