import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { buildSync } from "esbuild";
import { root } from "../../../scripts/packages.ts";
import { type Program, programFolder } from "./programs.ts";

/**
 * Tells the moment, the microseconds of processor time and the peak of memory in kB, then ends. `hrtime` is one clock for all processes of a machine. On Linux, `maxRSS` of a
 * child counts what its parent had when it was made, so the kernel is asked.
 */
const footer = `
first().then((text) => {
  const at = process.hrtime.bigint();
  const { user, system } = process.cpuUsage();
  if (text !== process.env.COLD_SECRET) throw new Error("this is not the secret");
  const fs = process.getBuiltinModule("node:fs");
  const status = process.platform === "linux" ? fs.readFileSync("/proc/self/status", "latin1") : "";
  const peak = Number(/VmHWM:\\s*(\\d+) kB/.exec(status)?.[1] ?? process.resourceUsage().maxRSS);
  fs.writeSync(1, JSON.stringify([String(at), user + system, peak]));
  process.exit();
});
`;

/**
 * Starts a bundle as docs/serverless.md says: with V8's code cache, written when its first run has ended. Unlike Node's own compile
 * cache, which is taken when a file is loaded, it holds the functions that ran.
 */
const starter = `
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { constants, Script } = require("node:vm");
const file = require.resolve("./bundle.cjs");
const cacheFile = file + ".cache";
const source = readFileSync(file);
const cache = existsSync(cacheFile) ? readFileSync(cacheFile) : undefined;
const isSame = cache?.subarray(0, source.length).equals(source);
const script = new Script("(function (exports, require, module, __filename, __dirname) {" + source + "\\n})", {
  filename: file,
  cachedData: isSame ? cache.subarray(source.length) : undefined,
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
script.runInThisContext()(exports, require, module, file, __dirname);
if (!isSame) process.once("exit", () => writeFileSync(cacheFile, Buffer.concat([source, script.createCachedData()])));
`;

const nodeVault = createRequire(path.join(root, "packages/vault/package.json")).resolve("node-vault");

/** What is imported from beside a program becomes part of it: written by hand, it would be one file. */
function whole(file: string, seen: Set<string> = new Set()): string {
  return readFileSync(file, "utf8").replaceAll(/^import \{.*\} from "\.\/(.+)";$/gm, (_line, name: string) => {
    if (seen.has(name)) return "";
    seen.add(name);
    return whole(path.join(programFolder, name), seen).replaceAll(/^export /gm, "");
  });
}

/** Writes the program as it is measured, and gives the path to start. `folder` lies where the workspace's packages are found. */
export function prepareProgram({ name, file, bundled, overSdk }: Program, folder: string): string {
  const base = path.join(folder, name.replaceAll(" ", "-"));
  rmSync(base, { recursive: true, force: true });
  mkdirSync(base, { recursive: true });
  const source = whole(file).replaceAll(/^export (?=const first|async function first)/gm, "") + footer;
  const entry = path.join(base, "program.mjs");
  const text = overSdk ? source.replace(/(@keyhold\/\w+)\/lean"/, '$1"') : source;
  writeFileSync(entry, text.replace('from "node-vault"', `from ${JSON.stringify(pathToFileURL(nodeVault).href)}`));
  if (!bundled) return entry;
  // esbuild takes no file: URL.
  writeFileSync(entry, text.replace('from "node-vault"', `from ${JSON.stringify(nodeVault)}`));
  const outfile = path.join(base, "bundle.cjs");
  buildSync({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    minify: true,
    logLevel: "error",
  });
  const start = path.join(base, "start.cjs");
  writeFileSync(start, starter);
  return start;
}
