import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { inspect, parseArgs, promisify } from "node:util";
import { deflateSync, inflateSync } from "node:zlib";
import { collector, everything, failure, type Sinks } from "../sink.ts";

const require = createRequire(import.meta.url);

async function inFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), "keyhold-leak-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const print = "process.stdout.write(JSON.stringify([process.argv, process.env]))";

/** Parts of Node that repeat what they were given, most of them in an error. */
export const platform: Sinks = {
  "JSON.parse": (value) => failure(() => JSON.parse(value)),
  "JSON.parse of a template": (value) => failure(() => JSON.parse(`[${value}]`)),
  "new URL": (value) => failure(() => new URL(value)),
  "new URL against a base": (value) => failure(() => new URL(`//${value}:x`, "http://a/")),
  "a header with a newline": (value) => failure(() => new Headers({ authorization: `${value}\nx` })),
  "fetch with user and password in the URL": (value) => failure(() => fetch(`http://app:${value}@127.0.0.1:1/`)),
  "spawn of a missing program": async (value) => {
    const child = spawn(`/nonexistent/${value}`, [`--key=${value}`]);
    const [error] = await once(child, "error").catch((thrown) => [thrown]);
    return [await failure(() => Promise.reject(error)), inspect(child.spawnargs)];
  },
  "spawn with the value as an argument": (value) =>
    failure(() => spawnSync(process.execPath, ["-e", print, "--", value]).stdout.toString()),
  "spawn with a template as an argument": (value) => spawnSync(process.execPath, ["-e", print, "--", `--key=${value}`]).stdout,
  "a child's environment": (value) => spawnSync(process.execPath, ["-e", print], { env: { VALUE: value } }).stdout,
  "a command that fails": (value) =>
    failure(() => execFileSync(process.execPath, ["-e", "process.exit(3)", "--", `--key=${value}`])),
  "a child's standard input": (value) =>
    failure(() =>
      spawnSync(process.execPath, ["-p", "require('fs').readFileSync(0, 'utf8')"], { input: value }).stdout.toString(),
    ),
  "a path that is not there": (value) => failure(() => readFileSync(`/nonexistent/${value}`)),
  "the value as a path": (value) => failure(() => readFileSync(value)),
  "writing a file": (value) =>
    inFolder(async (folder) => {
      const file = path.join(folder, "file");
      writeFileSync(file, "");
      const thrown = await failure(() => writeFileSync(file, value));
      return [thrown, readFileSync(file)];
    }),
  "appending to a file by a template": (value) =>
    inFolder((folder) => {
      appendFileSync(path.join(folder, "log"), `key: ${value}\n`);
      return readFileSync(path.join(folder, "log"));
    }),
  "a stream's write": async (value) => {
    const { stream, output } = collector();
    const thrown = await failure(() => stream.write(value));
    return [thrown, output()];
  },
  "a stream of objects": async (value) => inspect(await Readable.from([value]).toArray(), everything),
  "a stream of bytes": (value) =>
    failure(async () => {
      const through = new PassThrough();
      through.end(value);
      return (await buffer(through)).toString("hex");
    }),
  "a regular expression": (value) => failure(() => new RegExp(`(${value}`)),
  BigInt: (value) => failure(() => BigInt(value)),
  "Intl's options": (value) => failure(() => new Intl.NumberFormat("en", { style: "currency", currency: `${value}` })),
  decodeURIComponent: (value) => failure(() => decodeURIComponent(`${value}`)),
  parseArgs: (value) => failure(() => parseArgs({ args: [`--${value}`] })),
  "parseArgs, a positional": (value) => failure(() => parseArgs({ args: [`${value}`] })),
  require: (value) => failure(() => require(`./${value}`)),
  import: (value) => failure(() => import(/* @vite-ignore */ `/nonexistent/${value}.js`)),
  "process.chdir": (value) => failure(() => process.chdir?.(`/nonexistent/${value}`)),
  "the name of a signal": (value) => failure(() => process.kill(process.pid, value)),
  "the name of an encoding": (value) => failure(() => Buffer.alloc(1).fill("a", 0, 1, value)),
  "the name of a hash": (value) => failure(() => createHmac(`${value}`, "k")),
  "a rejected promisified call": (value) =>
    failure(() => promisify((given: unknown, done: (error: unknown) => void) => done(given))(value)),
  "compressing a template": (value) => inflateSync(deflateSync(`key=${value}`)),
  "a SQLite parameter": (value) =>
    failure(() => {
      const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
      const database = new DatabaseSync(":memory:");
      try {
        return database.prepare("select ? as value").all(value);
      } finally {
        database.close();
      }
    }),
  "a SQLite statement": (value) =>
    failure(() => {
      const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
      const database = new DatabaseSync(":memory:");
      try {
        return database.prepare(`select * from "${`${value}`.replaceAll('"', '""')}"`).all();
      } finally {
        database.close();
      }
    }),
};
