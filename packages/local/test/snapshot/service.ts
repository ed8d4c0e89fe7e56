// A process of its own that keeps a snapshot: `node service.ts JSON`. It prints one line of JSON and ends, or is killed.
import { writeSync } from "node:fs";
import { createSecrets, isSecretsError, type ReadStatus, type SecretsEvent, systemClock } from "@keyhold/core";
import { snapshotWithSteps } from "../../src/snapshot.ts";
import type { Step } from "../../src/write-file.ts";
import { httpProvider } from "./http-provider.ts";

export interface ServiceTask {
  readonly url: string;
  /** Without it, the service keeps no snapshot. */
  readonly path?: string;
  readonly identityPath: string;
  readonly maxAgeMs?: number;
  readonly names: readonly string[];
  /** How far ahead this process's wall clock is. */
  readonly aheadMs?: number;
  /** Write again and again, and kill this process when it comes to this moment for the `killAfter`th time. */
  readonly killAt?: Parameters<Step>[0];
  readonly killAfter?: number;
}

export interface ServiceReport {
  /** By name: the value and how it was served, or the code of the failure. */
  readonly found: Readonly<Record<string, { readonly text: string; readonly status: ReadStatus } | { readonly code: string }>>;
  readonly events: readonly { readonly type: string; readonly code?: string; readonly hint?: string }[];
}

/** What the process does, also for tests that need no process of its own. */
export async function serve(task: ServiceTask): Promise<ServiceReport> {
  let left = task.killAfter ?? 1;
  const step: Step = (moment) => {
    if (moment === task.killAt && --left === 0) process.kill(process.pid, "SIGKILL");
  };
  const { path, identityPath, maxAgeMs, aheadMs = 0 } = task;
  const events: SecretsEvent[] = [];
  const open = () =>
    createSecrets({
      providers: { backend: httpProvider(task.url) },
      clock: { ...systemClock, now: () => Date.now() + aheadMs },
      snapshot: path === undefined ? undefined : snapshotWithSteps({ path, identityPath, maxAgeMs }, step),
      onEvent: (event) => void events.push(event),
    });
  const found: Record<string, ServiceReport["found"][string]> = {};
  do {
    const secrets = open();
    for (const name of task.names) {
      const status: ReadStatus = {};
      try {
        const secret = await secrets.get(`backend://${name}`, { status });
        found[name] = { text: secret.text(), status };
      } catch (error) {
        found[name] = { code: isSecretsError(error) ? error.code : String(error) };
      }
    }
    await secrets.close();
  } while (task.killAt !== undefined);
  const told = events.map((event) => ({
    type: event.type,
    ...("error" in event && { code: event.error.code, hint: event.error.hint }),
  }));
  return { found, events: told };
}

if (import.meta.main ?? process.argv[1] === import.meta.filename) {
  void serve(JSON.parse(process.argv[2] as string)).then((report) => writeSync(1, `${JSON.stringify(report)}\n`));
}
