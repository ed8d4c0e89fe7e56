import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { inspect } from "node:util";
import { childSinks } from "./child-sinks.ts";
import { everything } from "./sink.ts";
import { type Shape, type Subject, subjects } from "./subject.ts";

const program = path.join(import.meta.dirname, "child.ts");
// A process that finds its sources compiled starts in half the time.
const compileCache = path.join(import.meta.dirname, "../../node_modules/.cache/keyhold-leak");

/** Runs one sink in a process of its own and gives all that it left: both streams, messages, files. */
export async function runChild(sink: string, subject: Subject, shape: Shape, text: string): Promise<(string | Uint8Array)[]> {
  const { flags = [], environment = {}, channel = "json" } = childSinks[sink] ?? {};
  const folder = mkdtempSync(path.join(tmpdir(), "keyhold-leak-"));
  const name = Object.entries(subjects).find(([, known]) => known === subject)?.[0];
  const child = fork(program, {
    cwd: folder,
    execArgv: ["--conditions=@keyhold/source", "--disable-warning=ExperimentalWarning", ...flags],
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: compileCache, ...environment },
    stdio: ["pipe", "pipe", "pipe", "ipc"],
    serialization: channel,
  });
  const seen: (string | Uint8Array)[] = [];
  child.stdout?.on("data", (chunk) => seen.push(chunk));
  child.stderr?.on("data", (chunk) => seen.push(chunk));
  child.on("message", (message) => seen.push(inspect(message, everything)));
  try {
    child.stdin?.end(JSON.stringify({ sink, subject: name, shape, text }));
    await once(child, "close");
    return [...seen, ...readdirSync(folder).map((file) => readFileSync(path.join(folder, file)))];
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}
