// Runs one command of this workspace on the Node that the workspace pins, installing first if anything changed.
// It is plain JavaScript and needs nothing but the machine's own Node (20 or newer) and npm:
//   node scripts/run.mjs [--node=22] COMMAND [ARGUMENT ...]
// COMMAND is `node`, or the name of a program in node_modules/.bin.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

// Not as "packageManager" in package.json: pnpm then resolves its own builds for platforms that were never published.
const pnpm = "pnpm@12.21.0";
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const modules = path.join(root, "node_modules");
const stamp = path.join(modules, ".keyhold-installed");

/** What an install depends on: every manifest, the lockfile and the workspace file. */
function wanted() {
  const files = ["package.json", "pnpm-workspace.yaml", "pnpm-lock.yaml"];
  for (const folder of ["packages", "examples"]) {
    if (!existsSync(path.join(root, folder))) continue;
    for (const name of readdirSync(path.join(root, folder)).sort()) files.push(`${folder}/${name}/package.json`);
  }
  const hash = createHash("sha256");
  for (const file of files) {
    const full = path.join(root, file);
    if (existsSync(full)) hash.update(`${file}\0${readFileSync(full)}\0`);
  }
  return hash.digest("hex");
}

const installed = () => existsSync(stamp) && readFileSync(stamp, "utf8") === wanted();

/** Whether the process that holds the lock still runs; a killed install must not block the next. */
function isAlive(lock) {
  try {
    process.kill(Number(readFileSync(lock, "utf8")), 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** One install at a time: two commands started together must not write the same node_modules. */
async function install() {
  const lock = path.join(root, "node_modules", ".keyhold-install-lock");
  mkdirSync(modules, { recursive: true });
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      break;
    } catch {
      if (installed()) return true;
      if (!isAlive(lock)) rmSync(lock, { force: true });
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  try {
    if (installed()) return true;
    console.error("keyhold: installing the workspace's dependencies (once; about a minute) ...");
    const frozen = process.env.KEYHOLD_UPDATE_LOCKFILE ? "--no-frozen-lockfile" : "--frozen-lockfile";
    const done = spawnSync("npx", ["-y", pnpm, "install", frozen, "--reporter=append-only", "--loglevel=error"], {
      cwd: root,
      stdio: ["ignore", 2, 2],
      env: { ...process.env, CI: "true" },
      shell: process.platform === "win32",
    });
    if (done.status !== 0) {
      console.error("keyhold: the install failed; its own words are above. Nothing was run.");
      return false;
    }
    writeFileSync(stamp, wanted());
    return true;
  } finally {
    rmSync(lock, { force: true });
  }
}

/** The folder of the pinned Node, or undefined where npm has none for this platform. */
function nodeFolder(major) {
  const name = `node-${major}-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  const folder = path.join(modules, name, "bin");
  return existsSync(folder) ? folder : undefined;
}

const words = process.argv.slice(2);
const major = words[0]?.startsWith("--node=") ? words.shift().slice("--node=".length) : "24";
if (!installed() && !(await install())) process.exit(1);
if (words.length > 0) {
  const folder = nodeFolder(major);
  if (folder === undefined && Number(process.versions.node.split(".")[0]) < 22) {
    console.error(`keyhold: npm has no Node ${major} for ${process.platform}-${process.arch}; run this on Node 22.18 or newer.`);
    process.exit(1);
  }
  const bin = path.join(modules, ".bin");
  const PATH = [folder, bin, process.env.PATH].filter(Boolean).join(path.delimiter);
  const [command, ...rest] = words;
  const isNode = command === "node";
  const node = folder ? path.join(folder, process.platform === "win32" ? "node.exe" : "node") : process.execPath;
  const child = spawn(isNode ? node : path.join(bin, command), isNode ? ["--conditions=@keyhold/source", ...rest] : rest, {
    cwd: process.cwd(),
    stdio: "inherit",
    env: { ...process.env, PATH },
    shell: process.platform === "win32" && !isNode,
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`keyhold: cannot run ${command}: ${error.code}`);
    process.exit(127);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}
