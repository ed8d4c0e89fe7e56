import { createRequire } from "node:module";
import path from "node:path";
import { onFreePort, type ServerProcess, startProcess } from "../../test/servers/processes.ts";

export interface RunningFunction {
  readonly url: string;
  readonly process: ServerProcess;
}

/** Runs a function by Google's Functions Framework, as Cloud Run does. */
export function runFunction(file: string, environment: Readonly<Record<string, string>>): Promise<RunningFunction> {
  const manifest = createRequire(import.meta.url).resolve("@google-cloud/functions-framework");
  const framework = path.join(path.dirname(manifest), "main.js");
  return onFreePort(async (port) => {
    const process_ = await startProcess({
      name: "the function",
      command: process.execPath,
      args: [framework, "--target=answer", `--source=${file}`, `--port=${port}`],
      env: { PATH: process.env.PATH, ...environment },
      ready: (output) => output.includes("URL: http"),
    });
    return { url: `http://127.0.0.1:${port}`, process: process_ };
  });
}
