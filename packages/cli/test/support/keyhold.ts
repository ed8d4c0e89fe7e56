import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSecrets } from "@keyhold/core";
import { initStore, local } from "@keyhold/local";
import { afterAll } from "vitest";

export const bin: string = path.resolve(import.meta.dirname, "../../src/bin.ts");

/** The words that run the command from its sources, on this Node. */
export const command: readonly string[] = [process.execPath, "--conditions=@keyhold/source", bin];

export interface RunOptions {
  /** The environment on top of a nearly empty one. */
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  /** Run as this user and group. */
  readonly uid?: number;
  /** Called with the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly bytes: Buffer;
}

/** A folder for one test, with a home of its own, gone when the file's tests end. */
export interface Workspace {
  readonly folder: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  keyhold(words: readonly string[], options?: RunOptions): Promise<Outcome>;
  /** What `init` and `set` do, without a process for each. No config file is written. */
  seed(values?: Readonly<Record<string, string | Uint8Array>>): Promise<void>;
}

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

export function createWorkspace(): Workspace {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), "keyhold-cli-")));
  roots.push(root);
  return workspaceAt(root);
}

export function workspaceAt(folder: string): Workspace {
  const home = path.join(folder, "home");
  const places = { path: path.join(folder, "keyhold.age"), identityPath: path.join(home, ".config/keyhold/identity.txt") };
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: home,
    XDG_CONFIG_HOME: path.join(home, ".config"),
    LANG: "C.UTF-8",
    // The sources are compiled once, not once a process.
    NODE_COMPILE_CACHE: path.resolve(import.meta.dirname, "../../node_modules/.cache/compiled"),
  };
  return {
    folder,
    home,
    env,
    keyhold: (words, options = {}) => run(folder, words, { ...options, env: { ...env, ...options.env } }),
    async seed(values = {}) {
      await initStore(places);
      // Other tests of the same file may keep this process busy meanwhile.
      const secrets = createSecrets({ providers: { local: local(places) }, deadlineMs: 100_000 });
      for (const [name, value] of Object.entries(values)) await secrets.put(`local://${name}`, value);
      await secrets.close();
    },
  };
}

function run(cwd: string, words: readonly string[], { env, input, uid, onStart }: RunOptions): Promise<Outcome> {
  const [node = "", ...rest] = [...command, ...words];
  return new Promise((resolve, reject) => {
    const child = spawn(node, rest, { cwd, env, ...(uid === undefined ? {} : { uid, gid: uid }) });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk) => out.push(chunk));
    child.stderr.on("data", (chunk) => err.push(chunk));
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");
    child.once("error", reject);
    child.once("close", (status, signal) => {
      const bytes = Buffer.concat(out);
      resolve({ status, signal, bytes, stdout: bytes.toString(), stderr: Buffer.concat(err).toString() });
    });
    onStart?.(child);
  });
}
