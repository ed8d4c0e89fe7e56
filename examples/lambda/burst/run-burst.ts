import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { ThrottlingServer } from "./throttling-server.ts";

export interface Burst {
  readonly calls: number;
  readonly throttled: number;
  /** Why copies did not get their secrets, one entry each. */
  readonly failures: readonly string[];
  /** From the word to start to the last copy that was ready, in milliseconds. */
  readonly lastReadyMs: number;
}

const started = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of started) child.kill("SIGKILL");
});

/** Starts copies of a program, lets all of them load, and then read at once. */
export async function runBurst(
  server: ThrottlingServer,
  { file, copies, environment }: { file: string; copies: number; environment: Readonly<Record<string, string>> },
): Promise<Burst> {
  const env = {
    PATH: process.env.PATH,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: server.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: server.url,
    ...environment,
  };
  const children = Array.from({ length: copies }, () => {
    const child = spawn(process.execPath, [file], { env, stdio: ["pipe", "pipe", "inherit"] });
    started.add(child);
    child.once("exit", () => started.delete(child));
    child.stdout.setEncoding("utf8");
    return child;
  });
  await Promise.all(children.map((child) => once(child.stdout, "data")));
  server.counts();
  const startedAt = performance.now();
  const failures: string[] = [];
  let lastReadyMs = 0;
  await Promise.all(
    children.map(async (child) => {
      let outcome = "";
      child.stdout.on("data", (text) => {
        outcome += text;
      });
      const closed = once(child, "close");
      child.stdin.write("go\n");
      await closed;
      if (outcome === "ready\n") lastReadyMs = performance.now() - startedAt;
      else failures.push(outcome.trim());
    }),
  );
  const { calls, throttled } = server.counts();
  return { calls, throttled, failures, lastReadyMs };
}
