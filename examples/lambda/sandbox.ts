import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Outcome, type RuntimeApi, startRuntimeApi } from "./runtime-api.ts";

export interface FunctionOptions {
  /** The bundle. */
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The function's timeout: a sandbox that is not done by then is killed. Lambda's default: 3,000. */
  readonly timeoutMs?: number;
}

/** One function, in one sandbox at a time: frozen between invocations, and made anew after it was killed. */
export interface LambdaFunction {
  /** Runs the function, in a new sandbox if there is none. */
  invoke(event: unknown): Promise<Outcome>;
  /** Starts a sandbox ahead of its first invocation, and freezes it: provisioned concurrency. */
  provision(): Promise<void>;
  /** How many sandboxes were made. */
  readonly starts: number;
  /** The runtime API of the sandbox that was made last. */
  readonly api: RuntimeApi | undefined;
  /** What all sandboxes printed. */
  readonly output: string;
  close(): Promise<void>;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html */
const initMs = 10_000;

interface Sandbox {
  readonly api: RuntimeApi;
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
}

const sandboxes = new Set<ChildProcess>();

/** A process that stands still hears neither Ctrl-C nor that we are gone, so an exit kills it. */
function killWithUs(child: ChildProcess): void {
  // One listener for all: Node warns of more than ten.
  if (sandboxes.size === 0) process.on("exit", killAll);
  sandboxes.add(child);
  child.on("exit", () => {
    sandboxes.delete(child);
    if (sandboxes.size === 0) process.off("exit", killAll);
  });
}

function killAll(): void {
  for (const child of sandboxes) child.kill("SIGKILL");
}

export function lambdaFunction({ file, environment, timeoutMs = 3_000 }: FunctionOptions): LambdaFunction {
  let sandbox: Sandbox | undefined;
  let starts = 0;
  let output = "";
  const apis: RuntimeApi[] = [];

  const start = async (): Promise<Sandbox> => {
    starts += 1;
    const api = await startRuntimeApi();
    apis.push(api);
    const env = {
      PATH: process.env.PATH,
      AWS_LAMBDA_RUNTIME_API: api.address,
      AWS_LAMBDA_FUNCTION_NAME: "example",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
      ...environment,
    };
    const bootstrap = path.join(import.meta.dirname, "bootstrap.ts");
    const child = spawn(process.execPath, [bootstrap, file], { env, stdio: ["ignore", "pipe", "pipe"] });
    killWithUs(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    const ended = once(child, "exit").then(
      ([code, signal]): Outcome => ({ kind: "exit", errorMessage: `the runtime ended with ${signal ?? code}` }),
    );
    return { api, child, ended };
  };

  const end = async (one: Sandbox) => {
    one.child.kill("SIGKILL");
    await one.ended;
    await one.api.close();
    if (sandbox === one) sandbox = undefined;
  };

  /** What ended it before it asked for work, or undefined. */
  const untilIdle = async ({ api, ended }: Sandbox): Promise<Outcome | undefined> => {
    const tooLate = sleep(initMs, { kind: "init-error", errorMessage: "it did not start in time" } as const, { ref: false });
    return Promise.race([api.idle().then(() => undefined), api.initFailed, ended, tooLate]);
  };

  const freeze = async (one: Sandbox) => {
    if ((await untilIdle(one)) === undefined) one.child.kill("SIGSTOP");
    else await end(one);
  };

  return {
    async invoke(event) {
      const isNew = sandbox === undefined;
      const one = sandbox ?? (await start());
      sandbox = one;
      one.child.kill("SIGCONT");
      const done = one.api.invoke({ event, timeoutMs });
      const outcome = (isNew ? await untilIdle(one) : undefined) ?? (await Promise.race([done, one.ended]));
      if (outcome.kind === "response" || outcome.kind === "error") await freeze(one);
      else await end(one);
      return outcome;
    },
    async provision() {
      sandbox = await start();
      await freeze(sandbox);
    },
    get starts() {
      return starts;
    },
    get api() {
      return apis.at(-1);
    },
    get output() {
      return output;
    },
    async close() {
      if (sandbox) await end(sandbox);
    },
  };
}
