import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Cloud, startCloud } from "../start-cloud.ts";

const example = path.resolve(import.meta.dirname, "..");
const bin = path.resolve(example, "../../packages/cli/src/bin.ts");

const missing = spawnSync("python3", ["--version"]).status === 0 ? undefined : " (skipped: there is no python3 on this machine)";

let cloud: Cloud;
let folder: string;
beforeAll(async () => {
  if (missing !== undefined) return;
  folder = await mkdtemp(path.join(tmpdir(), "keyhold-ml-training-"));
  await Promise.all(["home", "tmp"].map((name) => mkdir(path.join(folder, name))));
  cloud = await startCloud({ deployment: "production", lease: { ttlSeconds: 60, maxTtlSeconds: 300 }, keyOverlapMs: 1_000 });
}, 120_000);
afterAll(async () => {
  await cloud?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** The processes that show a text in one of these files of /proc, by id. */
async function showing(text: string, file: "cmdline" | "environ"): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    // A process may end while it is looked at, and another user's is closed to us.
    const content = /^\d+$/.test(name) ? await readFile(path.join("/proc", name, file), "latin1").catch(() => "") : "";
    if (content.includes(text)) found.push(Number(name));
  }
  return found;
}

/** Whether a process was started by another, at however many removes. */
async function isBelow(pid: number, above: number): Promise<boolean> {
  // proc_pid_stat(5): behind the command's name in parentheses come state and ppid.
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => ") Z 0");
  const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  return parent === above || (parent > 1 && (await isBelow(parent, above)));
}

async function filesWith(text: string, where: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(where, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && (await readFile(file, "latin1")).includes(text)) found.push(file);
  }
  return found;
}

interface Job {
  readonly status: unknown;
  readonly output: string;
  /** Where the token was seen while the job ran: in files, in arguments, in the environment of the job and of other processes. */
  readonly seen: { readonly files: string[]; readonly arguments: number[]; readonly job: number[]; readonly others: number[] };
}

/** Runs the job with this in MODEL_REGISTRY_TOKEN, and looks around while it has the token and waits for the registry. */
async function runJob(token: string, variable: string, ...more: readonly string[]): Promise<Job> {
  const seen: Job["seen"] = { files: [], arguments: [], job: [], others: [] };
  const registry = createServer(async (request, response) => {
    for (const where of [folder, example]) seen.files.push(...(await filesWith(token, where)));
    if (process.platform === "linux") {
      seen.arguments.push(...(await showing(token, "cmdline")));
      for (const pid of await showing(token, "environ"))
        seen[(await isBelow(pid, job.pid as number)) ? "job" : "others"].push(pid);
    }
    const answer = await fetch(`${cloud.upstreamUrl}${request.url}`, {
      method: "POST",
      headers: { authorization: request.headers.authorization ?? "", "content-type": "application/json" },
      body: await text(request),
    });
    response.writeHead(answer.status).end(await answer.text());
  });
  await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve));
  const words = ["run", "--config", path.join(example, "keyhold.config.mts"), "--", "python3", path.join(example, "train.py")];
  const job = spawn(process.execPath, ["--conditions=@keyhold/source", bin, ...words, ...more], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...cloud.environment,
      PATH: process.env.PATH,
      HOME: path.join(folder, "home"),
      TMPDIR: path.join(folder, "tmp"),
      MODEL_REGISTRY_TOKEN: variable,
      REGISTRY_URL: `http://127.0.0.1:${(registry.address() as AddressInfo).port}`,
    },
  });
  try {
    let output = "";
    for (const stream of [job.stdout, job.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
      });
    }
    const [status] = await once(job, "close");
    return { status, output, seen };
  } finally {
    job.kill("SIGKILL");
    registry.closeAllConnections();
    registry.close();
  }
}

describe.skipIf(missing !== undefined)(`a training job in Python${missing ?? ""}`, () => {
  it("gets the registry's token in its environment and nowhere else", async () => {
    const [token = ""] = await cloud.values();
    const { status, output, seen } = await runJob(token, "vault://secret/production/registry#token");
    expect({ status, output }).toMatchObject({ status: 0, output: expect.stringMatching(/^registered version \d+\n$/) });
    // Among the others are `keyhold run` itself and this process.
    expect(seen).toMatchObject({ files: [], arguments: [], others: [] });
    if (process.platform === "linux") expect(seen.job.length).toBeGreaterThan(0);
  });

  it("that is started as such jobs often are shows it in a file, in its arguments and in its parent's environment", async (test) => {
    if (process.platform !== "linux") return test.skip("it reads /proc, which is on Linux only");
    const [token = ""] = await cloud.values();
    await writeFile(path.join(folder, ".env"), `MODEL_REGISTRY_TOKEN=${token}\n`);
    const { seen } = await runJob(token, token, `--token=${token}`);
    await rm(path.join(folder, ".env"));
    console.log(
      `training job, control: the token in ${seen.files.length} file, ${seen.arguments.length} command lines, ${seen.others.length} environment beside the job's`,
    );
    for (const place of [seen.files, seen.arguments, seen.others]) expect(place.length).toBeGreaterThan(0);
  });
});
